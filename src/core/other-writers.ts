import { type Instant, later } from './instant.ts';
import type { Ms } from './token.ts';

/** How often a process looks at the mark. */
export const LOOK_AT_MARK: Ms = 10_000;
/** Another process that is not seen for so long has ended. Two that look in step see each other at every second look. */
const ENDED: Ms = 60_000;
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
  /** Whether this process has left its own mark. A mark from before belongs to an earlier process. */
  readonly marked: boolean;
  readonly seen: ReadonlyMap<string, Sightings>;
}

export const NO_OTHERS: OtherWriters = { marked: false, seen: new Map() };

/** Notes the mark that was found: the own one, one of another process, or none. */
export function noted(others: OtherWriters, found: string | undefined, own: string, now: Ms): OtherWriters {
  const current = [...others.seen].filter(([, { last }]) => now - last < ENDED);
  if (!others.marked || found === undefined || found === own) return { marked: others.marked, seen: new Map(current) };
  const seen = new Map(current);
  seen.set(found, { count: (seen.get(found)?.count ?? 0) + 1, last: now });
  return { marked: true, seen };
}

/** Returns the marks of the processes that run at the same time, in order. */
export function othersAt({ seen }: OtherWriters, now: Ms): readonly string[] {
  return [...seen]
    .filter(([, { count, last }]) => count >= SEEN_TWICE && now - last < ENDED)
    .map(([mark]) => mark)
    .toSorted();
}

/** Returns when a token is due for the process that stands back: the other had time to renew it, and time is left. */
export function dueAfterOthers({ renewal, expiry }: { readonly renewal: Instant; readonly expiry: Instant }): Instant {
  const pause = Math.min(LONGEST_STAND_BACK, Math.max(0, expiry.wall - renewal.wall) / 4);
  return later(renewal, pause);
}

/** Returns `pod/1a2b3c4d`, whose second part distinguishes processes of one pod. */
export function markOf(pod: string, fraction: number): string {
  return `${pod}/${Math.floor(fraction * 2 ** 32)
    .toString(16)
    .padStart(8, '0')}`;
}

/** Returns the pod of a mark, which anyone may have written: printable characters, and no longer than a name. */
export function podIn(mark: string): string {
  const pod = mark.split('/')[0] ?? '';
  return /^[A-Za-z0-9.-]{1,253}$/.test(pod) ? pod : 'unknown';
}
