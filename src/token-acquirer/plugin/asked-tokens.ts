import { type AccessToken, identityOf } from '../../core/access-token.ts';
import { StoreError } from '../../core/errors.ts';
import { identityText } from '../../core/token.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import type { ClusterView } from './cluster-view.ts';
import type { MergedToken } from './merged-status.ts';
import { partsOf, tokenNamed } from './token-name.ts';

/** Returns the AccessToken that asks for this token; `undefined` for a token of the configuration. Throws StoreError. */
export async function accessTokenOf(
  token: MergedToken,
  cluster: Pick<ClusterView, 'accessToken'>,
): Promise<AccessToken | undefined> {
  const { namespace, name } = partsOf(token);
  const resource = await cluster.accessToken(namespace, name);
  return resource !== undefined && identityText(identityOf(resource)) === token.token ? resource : undefined;
}

/** As `tokenNamed`, but says why an AccessToken of this name has no token. */
export async function tokenOrReason(
  tokens: readonly MergedToken[],
  name: string,
  cluster: Pick<ClusterView, 'accessTokens'>,
): Promise<MergedToken> {
  try {
    return tokenNamed(tokens, name);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const named = await withoutToken(tokens, cluster);
    const resource = named.find((one) => [nameOf(one), `${one.namespace}/${one.name}`, one.name].includes(name));
    if (resource === undefined) throw error;
    throw new CommandFailed(EXIT.failed, reasonFor(resource));
  }
}

/** Returns the names under which AccessTokens without a token can be inspected. */
export async function namesWithoutToken(
  tokens: readonly MergedToken[],
  cluster: Pick<ClusterView, 'accessTokens'>,
): Promise<readonly string[]> {
  return (await withoutToken(tokens, cluster)).map(nameOf);
}

/** None where this user may not list them. */
async function withoutToken(
  tokens: readonly MergedToken[],
  cluster: Pick<ClusterView, 'accessTokens'>,
): Promise<readonly AccessToken[]> {
  const known = new Set(tokens.map(({ token }) => token));
  try {
    return (await cluster.accessTokens()).filter((resource) => !known.has(nameOf(resource)));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return [];
  }
}

function reasonFor({ namespace, name, status: { conditions = [] } }: AccessToken): string {
  const ready = conditions.find(({ type }) => type === 'Ready');
  const reason =
    ready === undefined
      ? 'No token-acquirer has reported anything about it.'
      : `Ready=${ready.status} (${ready.reason}): ${ready.message}`;
  return `The AccessToken ${namespace}/${name} has no token. ${reason} Try: kubectl -n ${namespace} describe accesstoken ${name}.`;
}

function nameOf(resource: AccessToken): string {
  return identityText(identityOf(resource));
}
