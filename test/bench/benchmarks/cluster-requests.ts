import type { LogLine } from '../../cluster/example/log-lines.ts';
import type { AuditedRequest } from '../../cluster/node.ts';
import type { Row } from '../benchmark.ts';
import { number } from '../report/numbers.ts';

/** Each of these times is that of the log line of a stored token. */
export interface Change {
  readonly generation: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export function changesIn(log: readonly LogLine[]): Change[] {
  return log
    .filter(({ event }) => event === 'token-stored')
    .map(({ time, generation }) => ({ generation: Number(generation), at: Date.parse(time) }));
}

export interface Counted {
  readonly changes: number;
  readonly requests: readonly AuditedRequest[];
}

/** The requests from when one token was known to be stored until the last was: those of all but the first. */
export function countBetween(changes: readonly Change[], requests: readonly AuditedRequest[]): Counted {
  const [from, to] = [changes[0]?.at ?? 0, changes.at(-1)?.at ?? 0];
  const within = requests.filter(({ requestReceivedTimestamp }) => {
    const at = Date.parse(requestReceivedTimestamp);
    return at > from && at <= to;
  });
  return { changes: changes.length - 1, requests: within };
}

/** `patch secrets 20, get secrets 1` */
export function kindsOf(requests: readonly AuditedRequest[]): string {
  const kinds = requests.map(({ verb, objectRef, requestURI }) => {
    const path = requestURI.split('?')[0] ?? '';
    const part = path.endsWith('/status') ? '/status' : '';
    return `${verb} ${objectRef?.resource === undefined ? path : `${objectRef.resource}${part}`}`;
  });
  const counts = Map.groupBy(kinds, (kind) => kind);
  return [...counts].map(([kind, all]) => `${kind} ${all.length}`).join(', ');
}

export function requestRow(name: string, { changes, requests }: Counted, least: number): Row {
  const each = requests.length / changes;
  const limit = least + 0.05;
  return {
    name,
    ours: `${number(each)} (${requests.length} for ${changes})`,
    reference: `${least} (least)`,
    ratio: each / least,
    against: 'floor',
    goal: { text: `≤ ${limit}`, ratio: limit / least, met: each <= limit },
  };
}
