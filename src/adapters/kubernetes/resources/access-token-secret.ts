import type { AccessToken } from '../../../core/access-token.ts';
import { identityOf } from '../../../core/access-token.ts';
import { StoreError } from '../../../core/errors.ts';
import type { VolumeData } from '../../../core/token-volume.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import { requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import { METADATA } from '../api/watch-once.ts';
import { RESOURCE } from './access-token-object.ts';

/** The type of Secrets that are made for AccessTokens, to which an admission policy can hold the token-acquirer. */
export const SECRET_TYPE = 'token-acquirer.dev/token';

interface Owner {
  readonly uid?: string;
  readonly kind?: string;
  readonly name?: string;
}

interface Owned {
  readonly metadata?: { readonly ownerReferences?: readonly Owner[]; readonly deletionTimestamp?: string };
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Makes the Secret of an AccessToken, which goes with it, unless there is one. Throws StoreError. */
export async function claimSecret(api: ApiServer, resource: AccessToken): Promise<'claimed' | 'taken'> {
  const { namespace, secret } = identityOf(resource);
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  try {
    // Asks for no data.
    const found = await read(api, `${collection}/${secret}`, METADATA);
    if (found !== undefined && isEnding(found, resource)) {
      throw new StoreError(`The Secret ${namespace}/${secret} is being deleted. A new one is made then.`);
    }
    if (found !== undefined) return ownersIn(found).includes(resource.uid) ? 'claimed' : 'taken';
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

/** Whether the Secret is about to go, such as that of an earlier AccessToken of this name. */
function isEnding({ metadata = {} }: Owned, { name, uid }: AccessToken): boolean {
  const owners = metadata.ownerReferences ?? [];
  const isEarlier = owners.some((one) => one.kind === RESOURCE.kind && one.name === name && one.uid !== uid);
  return metadata.deletionTimestamp !== undefined || isEarlier;
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
