import { type Instant, later } from './instant.ts';
import type { Ms } from './token.ts';

/** How often a process looks at the mark. */
export const LOOK_AT_MARK: Ms = 10_000;
/** Another process that is not seen for so long is gone. Two that look in step see each other at every second look. */
const GONE: Ms = 60_000;
/** A process that has just been replaced may mark once more before it ends. */
const SEEN_TWICE = 2;
const LONGEST_STAND_BACK: Ms = 5000;

interface Sightings {
  readonly count: number;
  readonly last: Ms;
}

/**
 * What a process knows of others that leave a mark in the same place. Each one that finds a foreign mark puts its own in
 * its place. So a foreign mark that follows the own one was left by a process that runs at the same time.
 */
export interface OtherWriters {
  /** Whether this process has left its own mark: what was there before is of the past. */
  readonly marked: boolean;
  readonly seen: ReadonlyMap<string, Sightings>;
}

export const NO_OTHERS: OtherWriters = { marked: false, seen: new Map() };

/** Notes the mark that was found: the own one, that of another process, or none. */
export function noted(others: OtherWriters, found: string | undefined, own: string, now: Ms): OtherWriters {
  const current = [...others.seen].filter(([, { last }]) => now - last < GONE);
  if (!others.marked || found === undefined || found === own) return { marked: others.marked, seen: new Map(current) };
  const seen = new Map(current);
  seen.set(found, { count: (seen.get(found)?.count ?? 0) + 1, last: now });
  return { marked: true, seen };
}

/** The marks of the processes that run at the same time, in order. */
export function othersAt({ seen }: OtherWriters, now: Ms): readonly string[] {
  return [...seen]
    .filter(([, { count, last }]) => count >= SEEN_TWICE && now - last < GONE)
    .map(([mark]) => mark)
    .toSorted();
}

/** When a token is due for the one that stands back: the other has had time to renew it, and there is time left. */
export function dueAfterOthers({ renewal, expiry }: { readonly renewal: Instant; readonly expiry: Instant }): Instant {
  const pause = Math.min(LONGEST_STAND_BACK, Math.max(0, expiry.wall - renewal.wall) / 4);
  return later(renewal, pause);
}

/** `pod/1a2b3c4d`: the second part tells processes of one pod apart. */
export function markOf(pod: string, fraction: number): string {
  return `${pod}/${Math.floor(fraction * 2 ** 32)
    .toString(16)
    .padStart(8, '0')}`;
}

/** The pod of a mark, of whatever writer: of printable characters, and no longer than a name. */
export function podIn(mark: string): string {
  const pod = mark.split('/')[0] ?? '';
  return /^[A-Za-z0-9.-]{1,253}$/.test(pod) ? pod : 'unknown';
}
