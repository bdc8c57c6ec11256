import type { AccessToken } from '../../core/access-token.ts';
import { type ServiceAccount, serviceAccountOf } from '../../core/callers.ts';
import { ReissueError, StoreError, UsageError } from '../../core/errors.ts';
import type { Redacted } from '../../core/redacted.ts';
import { identityText } from '../../core/token.ts';
import type { ReissueAnswer } from '../../ports/reissuer.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import { reissueFailure } from '../cli/reissue-failure.ts';
import { callerAudience } from '../configuration/caller-audience.ts';
import type { Configuration } from '../configuration/resolve.ts';
import { accessTokenOf, tokenOrReason } from './asked-tokens.ts';
import type { ClusterView, Scope } from './cluster-view.ts';
import { acquirerOf, type MergedToken } from './merged-status.ts';
import type { PluginOutput } from './output.ts';
import { readStatus } from './status-command.ts';
import { partsOf, type TokenParts } from './token-name.ts';

/** A pod of the token-acquirer that has the token. */
export interface PodPlace {
  readonly namespace: string;
  readonly pod: string;
}

/** A call of the reissue endpoint of a pod. */
export interface ReissueCall {
  readonly at: PodPlace;
  readonly token: TokenParts;
  readonly rejected: string;
  readonly callerToken: Redacted;
  /** The CA that the endpoint's certificate is checked with (PEM). */
  readonly certificates: string;
  readonly serverName: string;
}

/** What a reissue needs of a cluster. Everything throws StoreError, and `reissue` also ReissueError. */
export interface ReissueView extends Pick<ClusterView, 'acquirers' | 'status' | 'accessToken' | 'accessTokens'> {
  configuration(at: PodPlace): Promise<Configuration>;
  callerToken(account: ServiceAccount, audience: string): Promise<Redacted>;
  /** `ca.crt` of a token Secret. */
  certificates(namespace: string, secret: string): Promise<string>;
  reissue(call: ReissueCall): Promise<ReissueAnswer>;
}

export interface ReissueOptions {
  readonly scope: Scope;
  /** As `namespace/name`; left out, the first client that the user may act as. */
  readonly serviceAccount?: string | undefined;
}

export interface ReissueDependencies {
  readonly cluster: ReissueView;
  readonly output: PluginOutput;
}

/** Requests a new token as one of the clients. Throws CommandFailed, StoreError or UsageError, with what to do. */
export async function reissueCommand(
  name: string,
  { scope, serviceAccount }: ReissueOptions,
  { cluster, output }: ReissueDependencies,
): Promise<void> {
  const status = await readStatus(scope, cluster, output);
  const token = await tokenOrReason(status, name, cluster);
  const at = { namespace: token.acquirer.namespace, pod: acquirerOf(status, token)?.pod ?? '' };
  const configuration = await cluster.configuration(at);
  const accounts = await callersOf(token, configuration, serviceAccount, cluster);
  const { audience } = callerAudience(configuration.cluster, at.namespace);
  const parts = partsOf(token);
  const certificates = await cluster.certificates(parts.namespace, parts.secret);
  const callerToken = await firstCallerToken(accounts, (account) => cluster.callerToken(account, audience));
  const serverName = `${configuration.cluster.service}.${at.namespace}.svc`;
  const rejected = token.sha256 ?? '0'.repeat(64);
  try {
    const call = { at, token: parts, rejected, callerToken, certificates, serverName };
    const { outcome, stored, generation, expiresAt } = await cluster.reissue(call);
    const expiry = new Date(expiresAt).toISOString();
    const where = stored ? 'stored' : 'not stored';
    output.out(`${token.token}: ${outcome}, ${where}, generation ${generation}, expires ${expiry}\n`);
  } catch (error) {
    if (!(error instanceof ReissueError)) throw error;
    throw reissueFailure(error, { url: 'https://', caFile: 'ca.crt', serverName });
  }
}

/** The ServiceAccounts that may ask for the token, those in its namespace first. */
async function callersOf(
  merged: MergedToken,
  { tokens }: Configuration,
  chosen: string | undefined,
  cluster: Pick<ReissueView, 'accessToken'>,
): Promise<readonly [ServiceAccount, ...ServiceAccount[]]> {
  const { token } = merged;
  const specification = tokens.find(({ identity }) => identityText(identity) === token);
  const resource = specification === undefined ? await accessTokenOf(merged, cluster) : undefined;
  const accounts =
    resource === undefined
      ? (specification?.clients ?? []).flatMap((client) => serviceAccountOf(client) ?? [])
      : (resource.spec.serviceAccounts ?? []).map((name) => ({ namespace: resource.namespace, name }));
  const isNear = ({ namespace }: ServiceAccount): number => Number(namespace === specification?.identity.namespace);
  const [first, ...others] = accounts.toSorted((one, other) => isNear(other) - isNear(one));
  if (first === undefined)
    throw new CommandFailed(EXIT.failed, `${token} cannot be reissued by hand: ${lack(resource)}`);
  if (chosen === undefined) return [first, ...others];
  const named = [first, ...others].find((account) => nameOf(account) === chosen);
  if (named !== undefined) return [named];
  const clients = [first, ...others].map(nameOf).join(', ');
  throw new UsageError(`This ServiceAccount is not among the clients of ${token}. Clients: ${clients}.`);
}

/** Why nobody may ask, and what to do. An AccessToken has its own way. */
function lack(resource: AccessToken | undefined): string {
  if (resource === undefined)
    return 'no ServiceAccount is among its clients. Add one to its clients in the configuration.';
  const { namespace, name } = resource;
  return `its AccessToken names no serviceAccounts. Ask for a new token with: kubectl -n ${namespace} annotate accesstoken ${name} --overwrite token-acquirer.dev/reissue="$(date)".`;
}

function nameOf({ namespace, name }: ServiceAccount): string {
  return `${namespace}/${name}`;
}

/** A user may be allowed to act as some of the clients only. Throws the error of the first. */
async function firstCallerToken(
  accounts: readonly [ServiceAccount, ...ServiceAccount[]],
  tokenOf: (account: ServiceAccount) => Promise<Redacted>,
): Promise<Redacted> {
  let first: StoreError | undefined;
  for (const account of accounts) {
    try {
      return await tokenOf(account);
    } catch (error) {
      if (!(error instanceof StoreError) || !error.permanent) throw error;
      first ??= error;
    }
  }
  throw first ?? new StoreError('There is no ServiceAccount to ask as.');
}
