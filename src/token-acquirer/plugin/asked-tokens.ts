import { type AccessToken, identityOf } from '../../core/access-token.ts';
import { StoreError } from '../../core/errors.ts';
import { identityText } from '../../core/token.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import type { ClusterView } from './cluster-view.ts';
import type { MergedStatus, MergedToken } from './merged-status.ts';
import { placeText } from './status-view.ts';
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

/** As `tokenNamed`, but says why an AccessToken of this name has no token, and which shards did not answer. */
export async function tokenOrReason(
  status: Pick<MergedStatus, 'tokens' | 'unanswered'>,
  name: string,
  cluster: Pick<ClusterView, 'accessTokens'>,
): Promise<MergedToken> {
  try {
    return tokenNamed(status.tokens, name);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const named = await withoutToken(status.tokens, cluster);
    const resource = named.find((one) => [nameOf(one), `${one.namespace}/${one.name}`, one.name].includes(name));
    const places = status.unanswered.map(placeText).join(', ');
    const silence = places === '' ? '' : ` Some shards did not answer: ${places}.`;
    const reason = resource === undefined ? error.message : reasonFor(resource, status);
    throw new CommandFailed(EXIT.failed, `${reason}${silence}`);
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
    const resources = await cluster.accessTokens();
    // One that is deleted loses its token, as it should.
    return resources.filter((resource) => resource.isDeleting !== true && !known.has(nameOf(resource)));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return [];
  }
}

/** Another shard or installation may have its token, unless all answered and its own condition denies it. */
function reasonFor(
  { namespace, name, status: { conditions = [] } }: AccessToken,
  { unanswered }: Pick<MergedStatus, 'unanswered'>,
): string {
  const ready = conditions.find(({ type }) => type === 'Ready');
  const reason =
    ready === undefined
      ? 'No token-acquirer has reported anything about it.'
      : `Ready=${ready.status} (${ready.reason}): ${ready.message}`;
  const what =
    unanswered.length === 0 && ready?.status === 'False'
      ? `The AccessToken ${namespace}/${name} has no token.`
      : `The token of the AccessToken ${namespace}/${name} was not found among the shards that answered.`;
  return `${what} ${reason} Try: kubectl -n ${namespace} describe accesstoken ${name}.`;
}

function nameOf(resource: AccessToken): string {
  return identityText(identityOf(resource));
}
