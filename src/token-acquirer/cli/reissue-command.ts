import { ReissueError, UsageError } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Reissuer } from '../../ports/reissuer.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import { reissueFailure } from './reissue-failure.ts';
import { findStatus, STATUS_PORT_IN_POD, USUAL_PLACES, USUAL_PLACES_POD_FIRST } from './status-command.ts';
import type { CommandOutput } from './terminal-output.ts';

export interface ReissueArguments {
  /** Left out: the endpoint is where the status is. */
  readonly url?: string;
  readonly statusUrl?: string;
  /** A file; `-` for standard input. */
  readonly callerToken: string;
  readonly caFile?: string;
  readonly serverName?: string;
}

export interface ReissueSettings {
  readonly url: string;
  readonly namespace: string;
  readonly secret: string;
  readonly callerTokenFile: string;
  /** Used instead of the file. */
  readonly callerToken?: Redacted;
  readonly caFile?: string;
  readonly serverName?: string;
}

export interface ReissueCommandDependencies {
  readonly get: Parameters<typeof findStatus>[1];
  readonly createReissuer: (settings: ReissueSettings) => Reissuer;
  readonly output: CommandOutput;
  readonly readInput: () => Promise<string>;
}

export const REISSUE_ADDRESS = '127.0.0.1:7080';
const REISSUE_URL_IN_POD = 'https://127.0.0.1:8443';
const STDIN = '-';

/** Requests a successor of the current token. Throws UsageError or CommandFailed. */
export async function reissueCommand(
  name: string,
  options: ReissueArguments,
  { get, createReissuer, output, readInput }: ReissueCommandDependencies,
): Promise<void> {
  const [namespace, secret, token, ...rest] = name.split('/');
  if (namespace === undefined || secret === undefined || token === undefined || rest.length > 0) {
    throw new UsageError('Name the token as namespace/secret/name; `token-acquirer status` lists them.');
  }
  const secure = isSecure(options);
  const callerToken = options.callerToken === STDIN ? callerTokenIn(await readInput()) : undefined;
  const places = secure ? USUAL_PLACES_POD_FIRST : USUAL_PLACES;
  const { report, url: statusUrl } = await findStatus(
    options.statusUrl === undefined ? places : [options.statusUrl],
    get,
  );
  const current = report.tokens.find((candidate) => candidate.token === name);
  if (current === undefined) {
    const names = report.tokens.map((candidate) => candidate.token).join(', ') || 'none';
    throw new CommandFailed(EXIT.failed, `No token has this name at ${statusUrl}. Tokens: ${names}.`);
  }
  const settings = {
    url: options.url ?? (secure ? REISSUE_URL_IN_POD : urlBeside(statusUrl)),
    namespace,
    secret,
    callerTokenFile: options.callerToken,
    ...(callerToken !== undefined && { callerToken }),
    ...(options.caFile !== undefined && { caFile: options.caFile }),
    ...(options.serverName !== undefined && { serverName: options.serverName }),
  };
  try {
    const answer = await createReissuer(settings).reissue(token, current.sha256 ?? '0'.repeat(64));
    const stored = answer.stored ? 'stored' : 'not stored';
    output.out(
      `${name}: ${answer.outcome}, ${stored}, generation ${answer.generation}, expires ${new Date(answer.expiresAt).toISOString()}\n`,
    );
  } catch (error) {
    if (!(error instanceof ReissueError)) throw error;
    throw reissueFailure(error, settings);
  }
}

/**
 * Returns whether the bearer may go over https only. The options ask to check a certificate, so plain http would send the
 * bearer to an unknown program. Throws UsageError where the options contradict that.
 */
function isSecure({ url, caFile, serverName }: ReissueArguments): boolean {
  const option = caFile === undefined ? '--server-name' : '--ca-file';
  if (caFile === undefined && serverName === undefined) return false;
  if (url?.trim().toLowerCase().startsWith('http:') !== true) return true;
  throw new UsageError(`${option} is for https, but --url is plain http. Name the endpoint as https://host:port.`);
}

/** Returns the endpoint of the token-acquirer whose status was found. In a pod each has its own port. */
function urlBeside(statusUrl: string): string {
  return new URL(statusUrl).port === STATUS_PORT_IN_POD ? REISSUE_URL_IN_POD : `http://${REISSUE_ADDRESS}`;
}

function callerTokenIn(input: string): Redacted {
  const token = input.trim();
  if (token !== '') return new Redacted(token);
  throw new UsageError(
    'Standard input holds no caller token. Try: kubectl create token ACCOUNT --namespace NAMESPACE --audience SERVICE.NAMESPACE, of the token-acquirer.',
  );
}
