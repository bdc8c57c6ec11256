import { doubled } from './doubling.ts';
import { type Instant, later, until } from './instant.ts';
import {
  claimOf,
  endOf,
  isHeld,
  isRenewedInTime,
  type LeaseClaim,
  type LeaseView,
  podOf,
  RENEW_DEADLINE,
  RETRY,
} from './lease.ts';
import type { Ms } from './token.ts';

/**
 * What a process does about the tokens of its shard.
 * - leading: holds the Lease.
 * - following: another replica holds it.
 * - cut-off: held it, cannot reach the API server, and saw nobody else take it. It goes on with what needs no rotation.
 * - unelected: the Lease may not be read or written (403, 404), or no replica of this Deployment holds it. Every replica works,
 *   stands back by chance, and reads the Secret before each request.
 */
export type Role = 'leading' | 'following' | 'cut-off' | 'unelected';

/** A replica that another one can ask. */
export interface Leader {
  readonly pod: string;
  /** `host:port` of its reissue endpoint. */
  readonly address: string;
}

/** Whether the process looks after the tokens, and does not only answer calls. */
export function isWorking(role: Role): boolean {
  return role !== 'following';
}

/** Whether the process may use refresh tokens that rotate. Where nobody is elected, the mark in the state protects them. */
export function mayRotate(role: Role): boolean {
  return role === 'leading' || role === 'unelected';
}

export type LeaseDecision =
  | { readonly kind: 'read' }
  /** Takes or renews the Lease, if it still has this version. */
  | { readonly kind: 'claim'; readonly claim: LeaseClaim; readonly version: string }
  | { readonly kind: 'wait'; readonly after: Ms };

const FIRST_RETRY: Ms = 2000;
const LONGEST_RETRY: Ms = 10_000;
/** A call that the API server denies is in its audit log each time. */
const DENIED_RETRY: Ms = 30_000;
/** A failure is this recent while calls fail: the longest pause, the longest call, and some time to spare. */
const FAILING: Ms = 30_000;

/** Decides what to do about the Lease. */
export function decideLease(view: LeaseView, now: Instant): LeaseDecision {
  const { record, suspect, renewed, askedAt } = view;
  const pause = pauseAfterFailure(view, now);
  if (pause > 0) return { kind: 'wait', after: pause };
  if (record === undefined || suspect) return { kind: 'read' };
  const claim: LeaseDecision = { kind: 'claim', claim: claimOf(view, now), version: record.version };
  if (isHeld(view)) {
    // A claim whose answer was lost may have been begun at any time.
    // Other shards wait for tokens until this one states that it has given them up.
    const isStated = record.assignment === view.self.assignment;
    const due = renewed === undefined || !isStated ? 0 : until(later(renewed, RETRY), now);
    return due === 0 ? claim : { kind: 'wait', after: due };
  }
  const end = endOf(view) - now.monotonic;
  if (isFree(view) || end <= 0) return claim;
  const look = askedAt + RETRY - now.monotonic;
  return look <= 0 ? { kind: 'read' } : { kind: 'wait', after: Math.min(end, look) };
}

/** Returns what the process does about the tokens, by its clocks: one that was paused does not lead by what it knew before. */
export function roleAt(view: LeaseView, now: Instant): Role {
  const { record, failure } = view;
  if (failure?.isDenied === true) return 'unelected';
  if (isHeld(view)) {
    if (isRenewedInTime(view, now)) return 'leading';
    return isFailing(view, now) ? 'cut-off' : 'following';
  }
  const isForeign = record !== undefined && !isFree(view) && !isReplica(view);
  return isForeign && endOf(view) > now.monotonic ? 'unelected' : 'following';
}

/** Returns the other replica that leads, where it can be asked. */
export function leaderAt(view: LeaseView, now: Instant): Leader | undefined {
  const { record, isDoubted } = view;
  if (record?.holder === undefined || record.address === undefined || isDoubted) return undefined;
  if (roleAt(view, now) !== 'following' || isHeld(view) || endOf(view) <= now.monotonic) return undefined;
  return { pod: podOf(record.holder), address: record.address };
}

/** Returns how long until role or leader change by themselves. */
export function changeIn(view: LeaseView, now: Instant): Ms {
  const { renewed, failure } = view;
  const changes = [
    endOf(view) - now.monotonic,
    ...(renewed === undefined ? [] : [until(later(renewed, RENEW_DEADLINE), now)]),
    ...(failure === undefined ? [] : [until(later(failure.at, FAILING), now)]),
  ];
  return Math.min(...changes.filter((change) => change > 0), RETRY);
}

/** Whether the holder belongs to the same Deployment: by the name of its pod, `<deployment>-<ReplicaSet>-<random>`. */
function isReplica({ record, self }: LeaseView): boolean {
  const pod = podOf(record?.holder ?? '');
  // Outside a pod, the name of the machine says nothing about a Deployment.
  if (!self.isPod) return record?.holder?.includes('_') === true;
  return (
    pod.startsWith(`${self.deployment}-`) && /^[a-z0-9]+(?:-[a-z0-9]+)?$/.test(pod.slice(self.deployment.length + 1))
  );
}

/** Whether nobody holds it, or only an earlier process of the same pod, which has ended. */
function isFree({ record, self }: LeaseView): boolean {
  if (record?.holder === undefined) return true;
  return self.isPod && record.holder !== self.identity && podOf(record.holder) === podOf(self.identity);
}

function isFailing({ failure }: LeaseView, now: Instant): boolean {
  return failure !== undefined && until(later(failure.at, FAILING), now) > 0;
}

function pauseAfterFailure({ failure }: LeaseView, now: Instant): Ms {
  if (failure === undefined) return 0;
  const pause = failure.permanent ? DENIED_RETRY : doubled(FIRST_RETRY, LONGEST_RETRY, failure.count);
  return until(later(failure.at, pause), now);
}
