import type { AccessToken } from '../../../core/access-token.ts';
import { identityOf } from '../../../core/access-token.ts';
import type { VolumeData } from '../../../core/token-volume.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import { requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import { METADATA } from '../api/watch-once.ts';
import { RESOURCE } from './access-token-object.ts';

/** The type of Secrets that are made for AccessTokens, to which an admission policy can hold the token-acquirer. */
export const SECRET_TYPE = 'token-acquirer.dev/token';

interface Owned {
  readonly metadata?: { readonly ownerReferences?: readonly { readonly uid?: string }[] };
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Makes the Secret of an AccessToken, which goes with it, unless there is one. Throws StoreError. */
export async function claimSecret(api: ApiServer, resource: AccessToken): Promise<'claimed' | 'taken'> {
  const { namespace, secret } = identityOf(resource);
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  try {
    const owner = await ownerOf(api, `${collection}/${secret}`);
    if (owner !== undefined) return owner.includes(resource.uid) ? 'claimed' : 'taken';
    const body = JSON.stringify(secretFor(resource, secret));
    await requestApi(api, { method: 'POST', path: collection, contentType: 'application/json', body });
    return 'claimed';
  } catch (error) {
    throw apiFailure(`The Secret ${namespace}/${secret} cannot be made`, error);
  }
}

/** Returns what the Secret of an AccessToken holds; `undefined` where no Secret was made for it. Throws StoreError. */
export async function storedSecret(api: ApiServer, resource: AccessToken): Promise<VolumeData | undefined> {
  const { namespace, secret } = identityOf(resource);
  try {
    const found = await read(api, `/api/v1/namespaces/${namespace}/secrets/${secret}`);
    if (found === undefined || !ownersIn(found).includes(resource.uid)) return undefined;
    const entries = Object.entries(found.data ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
  } catch (error) {
    throw apiFailure(`The Secret ${namespace}/${secret} cannot be read`, error);
  }
}

/** Returns the UIDs of its owners; `undefined` where there is no such Secret. Asks for no data. */
async function ownerOf(api: ApiServer, path: string): Promise<readonly string[] | undefined> {
  const found = await read(api, path, METADATA);
  return found && ownersIn(found);
}

async function read(api: ApiServer, path: string, accept?: string): Promise<Owned | undefined> {
  try {
    const text = await requestApi(api, { method: 'GET', path, ...(accept !== undefined && { accept }) });
    return JSON.parse(text) as Owned;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

function ownersIn({ metadata }: Owned): readonly string[] {
  return (metadata?.ownerReferences ?? []).flatMap(({ uid }) => uid ?? []);
}

function secretFor({ namespace, name, uid }: AccessToken, secret: string): object {
  const labels = { 'app.kubernetes.io/managed-by': 'token-acquirer', 'app.kubernetes.io/part-of': 'token-acquirer' };
  const { group, version, kind } = RESOURCE;
  const owner = { apiVersion: `${group}/${version}`, kind, name, uid, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: secret, labels, ownerReferences: [owner] },
    type: SECRET_TYPE,
  };
}
