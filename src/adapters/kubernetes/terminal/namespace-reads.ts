import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import type { ApiServer } from '../api/api-server.ts';
import { readPages } from '../api/read-pages.ts';
import { readFailure } from './read-failure.ts';

interface ListQuery {
  /** The head of an error. */
  readonly what: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** Reads all pages of a list. Throws StoreError. */
export async function readList<Item>(
  api: ApiServer,
  path: string,
  { what, query }: ListQuery,
): Promise<readonly Item[]> {
  try {
    return (await readPages<Item>(api, path, query)).items;
  } catch (error) {
    throw readFailure(what, error, api.baseUrl);
  }
}

/** Lists the pods of a namespace. Throws StoreError. */
export function listPods(api: ApiServer, namespace: string): Promise<readonly V1Pod[]> {
  const what = `The pods of the namespace ${namespace} cannot be listed`;
  return readList(api, `/api/v1/namespaces/${namespace}/pods`, { what });
}

/** An event of Kubernetes about an object. */
export interface ObjectEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly at: string;
  readonly count: number;
}

/** Reads the events about a Secret, the newest first. Throws StoreError. */
export async function readSecretEvents(
  api: ApiServer,
  namespace: string,
  secret: string,
): Promise<readonly ObjectEvent[]> {
  const events = await readList<CoreV1Event>(api, `/api/v1/namespaces/${namespace}/events`, {
    what: `The events of the namespace ${namespace} cannot be listed`,
    query: { fieldSelector: `involvedObject.kind=Secret,involvedObject.name=${secret}` },
  });
  return events.map(objectEvent).toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at));
}

function objectEvent({ metadata, type, reason, message, ...event }: CoreV1Event): ObjectEvent {
  const { series, lastTimestamp, eventTime, firstTimestamp } = event;
  // Parsed from JSON, so they are texts, whatever the types of the library say.
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, firstTimestamp, metadata.creationTimestamp];
  return {
    type: type ?? 'Normal',
    reason: reason ?? '',
    message: message ?? '',
    at: String(times.find((time) => time !== undefined && time !== null) ?? ''),
    count: series?.count ?? event.count ?? 1,
  };
}
