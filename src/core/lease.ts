import { type Instant, isPast, later } from './instant.ts';
import type { EpochMs, Ms } from './token.ts';

/** Others take over once they have seen no renewal for so long. */
export const LEASE_DURATION: Ms = 60_000;
/** A holder that could not renew for so long no longer leads by it. */
export const RENEW_DEADLINE: Ms = 40_000;
/** How often a holder renews, and how often the others look. */
export const RETRY: Ms = 20_000;
const SHORTEST_DURATION: Ms = 1000;
/** Of the API (int32). It rejects a larger number, and so everyone who wants a Lease into which somebody wrote this one. */
const MOST_TRANSITIONS = 2 ** 31 - 1;

/** The content of the Lease, as it was read. */
export interface LeaseRecord {
  /** Opaque: what a write must be given to replace exactly this record. */
  readonly version: string;
  /** Identity of the process that holds it; `undefined` where it is free. */
  readonly holder: string | undefined;
  /** `host:port` of the holder's reissue endpoint, where its form is valid. */
  readonly address: string | undefined;
  /** Which shards the holder acts on (`assignmentOf`); `undefined` where it does not say. */
  readonly assignment: string | undefined;
  readonly duration: Ms | undefined;
  readonly acquiredAt: EpochMs | undefined;
  /** By the holder's clock, so it is only compared with itself. */
  readonly renewedAt: EpochMs | undefined;
  /** How often it changed its holder. */
  readonly transitions: number;
}

/** What a process writes into the Lease. */
export interface LeaseClaim {
  /** Empty where the process gives the Lease back. */
  readonly holder: string;
  readonly address: string | undefined;
  /** Which shards it acts on (`assignmentOf`). */
  readonly assignment: string | undefined;
  readonly duration: Ms;
  readonly acquiredAt: EpochMs;
  readonly renewedAt: EpochMs;
  readonly transitions: number;
}

/** A process that wants the Lease. */
export interface Candidate {
  /** `<pod>_<random>`, so that a restarted container differs from the one before. */
  readonly identity: string;
  /** Whether the name of the pod is that of a pod: nothing else runs by this name then. */
  readonly isPod: boolean;
  /** `host:port` of its reissue endpoint, where others can reach it. */
  readonly address: string | undefined;
  /** Which shards it acts on (`assignmentOf`). */
  readonly assignment: string | undefined;
  /** The Deployment that its replicas belong to. */
  readonly deployment: string;
}

export interface LeaseFailure {
  /** 403, 404: a person has to act. */
  readonly permanent: boolean;
  readonly missing: boolean;
  /** A sentence. */
  readonly message: string;
}

/** What a process knows of the Lease. It never changes: each transition returns another value. */
export interface LeaseView {
  readonly self: Candidate;
  /** As last read or written. */
  readonly record: LeaseRecord | undefined;
  /** When this process first saw the record as it is (monotonic clock). Only its own clock says when the Lease ends. */
  readonly seenAt: Ms;
  /** When the Lease was last read or written (monotonic clock). */
  readonly askedAt: Ms;
  /** When the last write that succeeded was begun; `undefined` where this process does not hold the Lease. */
  readonly renewed: Instant | undefined;
  /** Whether the Lease may have changed since it was read. */
  readonly suspect: boolean;
  /** The last failure, until a call succeeds. `isDenied`: one of them was permanent. */
  readonly failure:
    | (LeaseFailure & { readonly at: Instant; readonly count: number; readonly isDenied: boolean })
    | undefined;
  /** Whether the holder did not answer a call since it last renewed the Lease. */
  readonly isDoubted: boolean;
}

export function unknownLease(self: Candidate): LeaseView {
  return {
    self,
    record: undefined,
    seenAt: 0,
    askedAt: 0,
    renewed: undefined,
    suspect: false,
    failure: undefined,
    isDoubted: false,
  };
}

/** Returns the identity of a process; `fraction` distinguishes those of one pod. */
export function identityOf(pod: string, fraction: number): string {
  return `${pod}_${Math.floor(fraction * 2 ** 32)
    .toString(16)
    .padStart(8, '0')}`;
}

/** Returns the pod of an identity, which anyone may have written: printable characters, and no longer than a name. */
export function podOf(identity: string): string {
  const pod = identity.split('_')[0] ?? '';
  return /^[A-Za-z0-9.-]{1,253}$/.test(pod) ? pod : 'unknown';
}

/** The process acts on other shards now, and has ended its work on tokens that it lost. */
export function acting(view: LeaseView, assignment: string): LeaseView {
  return { ...view, self: { ...view.self, assignment } };
}

/** A call begins: what changes from now on may escape it. */
export function asking(view: LeaseView): LeaseView {
  return { ...view, suspect: false };
}

/** The Lease was read. */
export function observed(view: LeaseView, record: LeaseRecord, now: Instant): LeaseView {
  const isNews = view.record === undefined || !isSameClaim(view.record, record);
  return {
    ...view,
    record,
    seenAt: isNews ? now.monotonic : view.seenAt,
    askedAt: now.monotonic,
    renewed: record.holder === view.self.identity ? view.renewed : undefined,
    failure: undefined,
    isDoubted: !isNews && view.isDoubted,
  };
}

/** The claim that was begun at `begun` is in the Lease. */
export function claimed(
  view: LeaseView,
  record: LeaseRecord,
  { begun, now }: Record<'begun' | 'now', Instant>,
): LeaseView {
  return { ...observed(view, record, now), renewed: begun };
}

/** The Lease could not be read or written. */
export function failed(view: LeaseView, failure: LeaseFailure, at: Instant): LeaseView {
  const { permanent, missing, message } = failure;
  const count = (view.failure?.count ?? 0) + 1;
  const isDenied = permanent || view.failure?.isDenied === true;
  return { ...view, failure: { permanent, missing, message, at, count, isDenied } };
}

/** Someone may have changed the Lease. */
export function suspected(view: LeaseView): LeaseView {
  return { ...view, suspect: true };
}

/** The holder did not answer a call: until it renews the Lease, nobody waits for it. */
export function doubted(view: LeaseView): LeaseView {
  return { ...view, isDoubted: true };
}

/** The process gave the Lease back, or no longer wants it. */
export function released(view: LeaseView): LeaseView {
  return { ...view, record: undefined, renewed: undefined };
}

export function isHeld({ record, self }: LeaseView): boolean {
  return record?.holder === self.identity;
}

/** Returns when the Lease ends unless its holder renews it (monotonic clock). An edit cannot make it longer than usual. */
export function endOf({ record, seenAt }: Pick<LeaseView, 'record' | 'seenAt'>): Ms {
  const duration = record?.duration ?? LEASE_DURATION;
  return seenAt + Math.min(LEASE_DURATION, Math.max(SHORTEST_DURATION, duration));
}

/** Whether this process renewed the Lease within the deadline, by the clock that reaches it first. */
export function isRenewedInTime({ renewed }: LeaseView, now: Instant): boolean {
  return renewed !== undefined && !isPast(later(renewed, RENEW_DEADLINE), now);
}

/** Returns what a process writes that takes the Lease, or renews it. */
export function claimOf({ record, self }: LeaseView, now: Instant): LeaseClaim {
  const isOwn = record?.holder === self.identity;
  const transitions = record?.transitions ?? 0;
  return {
    holder: self.identity,
    address: self.address,
    assignment: self.assignment,
    duration: LEASE_DURATION,
    acquiredAt: (isOwn ? record.acquiredAt : undefined) ?? now.wall,
    renewedAt: now.wall,
    transitions: isOwn ? transitions : Math.min(transitions + 1, MOST_TRANSITIONS),
  };
}

/** Returns what a process writes that gives the Lease back. It counts as free immediately. */
export function releaseOf({ record }: LeaseView, now: Instant): LeaseClaim {
  return {
    holder: '',
    address: undefined,
    assignment: undefined,
    duration: SHORTEST_DURATION,
    acquiredAt: record?.acquiredAt ?? now.wall,
    renewedAt: now.wall,
    transitions: record?.transitions ?? 0,
  };
}

/** Whether the holder did nothing in between: other fields, such as labels, do not count as a renewal. */
export function isSameClaim(one: LeaseRecord, other: LeaseRecord): boolean {
  return (
    one.holder === other.holder &&
    one.renewedAt === other.renewedAt &&
    one.acquiredAt === other.acquiredAt &&
    one.transitions === other.transitions
  );
}
