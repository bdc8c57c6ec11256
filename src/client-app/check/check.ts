import type { Redacted } from '../../core/redacted.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MakeCall } from '../../ports/http-call.ts';
import { checkApiServer, checkFiles } from './boundaries.ts';
import { checkClientApp } from './client-app.ts';
import type { CheckConfig, CheckedToken } from './config.ts';
import { CheckedEndpoint } from './endpoint.ts';
import type { Finding, Report } from './finding.ts';
import { checkThroughGateway } from './gateway.ts';
import { checkReissue } from './reissue.ts';
import { checkStranger } from './stranger.ts';
import { checkToken, type MountedTokens, waitForToken, waitForTrust } from './token.ts';

export interface CheckParts {
  readonly config: CheckConfig;
  readonly clock: Clock;
  readonly makeCall: MakeCall;
  /** `undefined`: the tokens are kept in memory. */
  readonly mounted: MountedTokens | undefined;
  /** Below which files are looked for: `/` in a pod. */
  readonly root: string;
  /** The text of a file; `undefined` where it cannot be read. */
  readonly readText: (file: string) => string | undefined;
  readonly report: Report;
}

/** Runs all checks in turn, whatever the ones before found. True where none failed. */
export async function check(parts: CheckParts): Promise<boolean> {
  let well = true;
  const report: Report = (finding) => {
    well &&= finding.result !== 'failed';
    parts.report(finding);
  };
  const endpoint = new CheckedEndpoint(parts.config.endpoint, parts.makeCall);
  const caller = callerOf(endpoint);
  const { as } = parts.config;
  if (as === 'waiter') await waitForTokens(parts, endpoint, caller);
  else if ('result' in caller) report(caller);
  else if (as === 'stranger') await checkAsStranger({ ...parts, report }, endpoint, caller);
  else await checkAsClient({ ...parts, report }, endpoint, caller);
  return well;
}

/** The check that follows reports every problem. */
async function waitForTokens(
  { config, mounted, clock }: CheckParts,
  endpoint: CheckedEndpoint,
  caller: Redacted | Finding,
): Promise<void> {
  if ('result' in caller) return;
  const { patience } = config;
  if (mounted === undefined) return waitForTrust({ endpoint, clock, patience });
  const rest = { mounted, endpoint, caller, clock, patience };
  await Promise.all(config.tokens.map(({ name }) => waitForToken({ name, ...rest })));
}

function callerOf(endpoint: CheckedEndpoint): Redacted | Finding {
  try {
    return endpoint.callerToken();
  } catch (error) {
    const sentence = error instanceof Error ? error.message : 'It cannot be read.';
    return { result: 'failed', subject: 'ServiceAccount token', sentence };
  }
}

async function checkAsStranger({ config, clock, report }: CheckParts, endpoint: CheckedEndpoint, caller: Redacted) {
  for (const { name } of config.tokens) {
    for (const finding of await checkStranger({ name, endpoint, caller, clock })) report(finding);
  }
}

async function checkAsClient(parts: CheckParts, endpoint: CheckedEndpoint, caller: Redacted): Promise<void> {
  const { config, mounted, report, root, readText, makeCall } = parts;
  for (const token of config.tokens) await checkChain(token, parts, { endpoint, caller });
  const { apiServer, forbiddenFiles: forbidden } = config;
  report(checkFiles({ root, forbidden, except: mounted === undefined ? [] : [mounted.directory] }));
  const ca = apiServer.caFile === undefined ? undefined : readText(apiServer.caFile);
  report(await checkApiServer({ url: apiServer.url, secrets: apiServer.secrets, ca, caller, makeCall }));
}

async function checkChain(
  { name, serviceUrl: url }: CheckedToken,
  { config, mounted, clock, makeCall, report, readText }: CheckParts,
  { endpoint, caller }: { readonly endpoint: CheckedEndpoint; readonly caller: Redacted },
): Promise<void> {
  const { patience, serviceCaFile } = config;
  const held = await checkToken({ name, mounted, endpoint, caller, clock, patience });
  report(held.finding);
  const reissued = await checkReissue({
    name,
    token: held.token,
    kept: mounted !== undefined,
    endpoint,
    caller,
    clock,
  });
  report(reissued.finding);
  const ca = serviceCaFile === undefined ? undefined : readText(serviceCaFile);
  const accessToken = reissued.accessToken ?? held.token?.accessToken;
  const tokenHeader = held.token?.header;
  report(await checkThroughGateway({ name, url, ca, accessToken, tokenHeader, makeCall }));
  report(await checkClientApp({ name, endpoint, caller, clock }));
}
