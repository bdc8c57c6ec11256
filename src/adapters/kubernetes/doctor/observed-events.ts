import type { NamespacedName } from '../../../core/doctor/expected-token.ts';
import type { ObservedEvent } from '../../../core/doctor/observed.ts';
import { itemsOf, type Readings } from './readings.ts';

interface EventObject {
  readonly reason?: string;
  readonly message?: string;
  readonly reportingComponent?: string;
  readonly lastTimestamp?: string;
}

const COMPONENT = 'token-acquirer';

/** Reads what the token-acquirer reported about a Secret. The API server keeps it for an hour. */
export async function readEvents(
  readings: Readings,
  { namespace, name }: NamespacedName,
): Promise<readonly ObservedEvent[]> {
  const fieldSelector = `involvedObject.kind=Secret,involvedObject.name=${name}`;
  const path = `/api/v1/namespaces/${namespace}/events`;
  const what = `list events in the namespace ${namespace}`;
  const found = itemsOf(await readings.list<EventObject>(path, what, { fieldSelector }));
  return found
    .filter(({ reportingComponent }) => reportingComponent === COMPONENT)
    .map(({ reason = '', message = '', lastTimestamp = '' }) => ({ reason, message, at: Date.parse(lastTimestamp) }))
    .filter(({ at }) => !Number.isNaN(at));
}
