import type { V1ObjectMeta } from '@kubernetes/client-node';
import type { AccessToken } from '../../../core/access-token.ts';
import type { Seen } from '../../../core/doctor/observed.ts';
import type { EpochMs } from '../../../core/token.ts';
import { RESOURCE, readAccessToken } from '../resources/access-token-object.ts';
import { itemsOf, type Readings } from './readings.ts';

/** An AccessToken, and when its spec was last written. */
export interface DatedAccessToken extends AccessToken {
  readonly changedAt: EpochMs;
}

/** AccessTokens that this user may read. */
export interface FoundAccessTokens {
  /** The versions of their API that the cluster knows; `missing`: none. */
  readonly versions: Seen<readonly string[]>;
  readonly version: string;
  readonly items: readonly DatedAccessToken[];
}

interface AccessTokenObject {
  readonly metadata?: V1ObjectMeta;
}

/** Reads the AccessTokens of all namespaces, or where this user may not, of these. */
export async function readAccessTokens(readings: Readings, namespaces: readonly string[]): Promise<FoundAccessTokens> {
  const { group, version, plural } = RESOURCE;
  const known = await readings.object<{ versions?: { version?: string }[] }>(
    `/apis/${group}`,
    `read the API group ${group}`,
  );
  const versions = typeof known === 'string' ? known : (known.versions ?? []).flatMap((served) => served.version ?? []);
  // Few users may list them everywhere, so its lack is not worth a warning.
  const everywhere = await readings.list<AccessTokenObject>(`/apis/${group}/${version}/${plural}`);
  const lists =
    everywhere === 'unreadable' ? await Promise.all(namespaces.map((name) => readIn(readings, name))) : [everywhere];
  const items = lists.flatMap((list) => itemsOf(list)).flatMap((object) => dated(object) ?? []);
  return { versions, version, items };
}

function dated(object: AccessTokenObject): DatedAccessToken | undefined {
  const resource = readAccessToken(object);
  if (resource === undefined) return undefined;
  const writes = (object.metadata?.managedFields ?? []).filter(
    ({ fieldsV1, subresource = '' }) => subresource === '' && Object.hasOwn((fieldsV1 ?? {}) as object, 'f:spec'),
  );
  const times = writes.flatMap(({ time }) => (time === undefined ? [] : [new Date(time).getTime()]));
  return { ...resource, changedAt: Math.max(resource.createdAt, ...times) };
}

function readIn(readings: Readings, namespace: string): Promise<Seen<readonly AccessTokenObject[]>> {
  const { group, version, plural } = RESOURCE;
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
  return readings.list<AccessTokenObject>(path, `list ${plural}.${group} in the namespace ${namespace}`);
}
