import type { AccessToken } from '../../../core/access-token.ts';
import type { Seen } from '../../../core/doctor/observed.ts';
import { RESOURCE, readAccessToken } from '../resources/access-token-object.ts';
import { itemsOf, type Readings } from './readings.ts';

/** AccessTokens that this user may read. */
export interface FoundAccessTokens {
  /** The versions of their API that the cluster knows; `missing`: none. */
  readonly versions: Seen<readonly string[]>;
  readonly version: string;
  readonly items: readonly AccessToken[];
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
  const everywhere = await readings.list<object>(`/apis/${group}/${version}/${plural}`);
  const lists =
    everywhere === 'unreadable' ? await Promise.all(namespaces.map((name) => readIn(readings, name))) : [everywhere];
  const items = lists.flatMap((list) => itemsOf(list)).flatMap((object) => readAccessToken(object) ?? []);
  return { versions, version, items };
}

function readIn(readings: Readings, namespace: string): Promise<Seen<readonly object[]>> {
  const { group, version, plural } = RESOURCE;
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
  return readings.list<object>(path, `list ${plural}.${group} in the namespace ${namespace}`);
}
