import type { AccessToken } from '../../../core/access-token.ts';
import { statusOf } from '../api/api-failure.ts';
import { requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import { RESOURCE, readAccessToken } from '../resources/access-token-object.ts';
import { readList } from './namespace-reads.ts';
import { readFailure } from './read-failure.ts';

const BASE = `/apis/${RESOURCE.group}/${RESOURCE.version}`;

/** Reads an AccessToken; `undefined` where there is none, or the cluster does not know them. Throws StoreError. */
export async function readOneAccessToken(
  api: ApiServer,
  namespace: string,
  name: string,
): Promise<AccessToken | undefined> {
  const path = `${BASE}/namespaces/${namespace}/${RESOURCE.plural}/${name}`;
  try {
    return readAccessToken(JSON.parse(await requestApi(api, { method: 'GET', path })) as object);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw readFailure(`The AccessToken ${namespace}/${name} cannot be read`, error, api.baseUrl);
  }
}

/** Lists the AccessTokens of all namespaces. Throws StoreError. */
export async function listAccessTokens(api: ApiServer): Promise<readonly AccessToken[]> {
  const what = 'The AccessTokens of all namespaces cannot be listed';
  const objects = await readList<object>(api, `${BASE}/${RESOURCE.plural}`, { what });
  return objects.flatMap((object) => readAccessToken(object) ?? []);
}
