import { type Dispute, pauseAfter, repaired } from './dispute.ts';
import { doubled } from './doubling.ts';
import { LOOK_AGAIN } from './reconcile.ts';
import type { EpochMs, Ms, Sha256, Token } from './token.ts';
import { isSamePlace, keysOf, type Place, type VolumeData } from './token-volume.ts';

const RETRY: Ms = 1000;
const LONGEST_RETRY: Ms = 30_000;
/** Where a watch is open. */
const LOOK_AGAIN_WATCHED: Ms = 5 * 60_000;
/** Between two looks, so that harmless changes of a Secret, however frequent, are not followed one by one. */
const GAP: Ms = 500;
/** How many writes are remembered for clients that report when they saw them. */
const REMEMBERED = 4;
/** A client whose clock is further off than this reports nothing useful. */
const LONGEST_LAG: Ms = 10 * 60_000;

/** Data of no keys. One for all tokens: an object each weighs on a process with thousands of them. */
export const NO_DATA: VolumeData = {};

/** The store works, so the pause after a failed call is over: that call may have overlapped one that succeeded. */
const HEALTHY = { failures: 0, notBefore: 0 };

interface Write {
  readonly generation: number;
  readonly at: EpochMs;
}

/** What is known of the stored copy of one token. It never changes: each transition returns another value. */
export interface CopyState {
  /** The token that the store is known to hold, since it was written or seen there. */
  readonly holds: Token | undefined;
  /** Whether what an earlier process stored could not be read yet. */
  readonly unread: boolean;
  /** Whether the keys were removed, so that a pod that comes back waits for the next token. */
  readonly withdrawn: boolean;
  /** When the store was last known to hold what it should (monotonic clock, as all times here). */
  readonly seenAt: Ms;
  /** When it was last read. */
  readonly readAt: Ms;
  /** Whether someone else may have changed it since then. */
  readonly suspect: boolean;
  /** Whether it is read immediately, also during a dispute or while a token is requested. */
  readonly urgent: boolean;
  /** Whether what is stored next to the token, such as `ca.crt`, changed since the last write. */
  readonly volumeChanged: boolean;
  /** How many calls in a row failed. */
  readonly failures: number;
  /** No call before this moment. */
  readonly notBefore: Ms;
  readonly dispute: Dispute | undefined;
  /** The token whose copy was rewritten because it had the form of another version. */
  readonly reformed: Sha256 | undefined;
  /** Keys of the Secret that the configuration gave to the token before. */
  readonly formerKeys: readonly string[];
  /** What was stored before the first token. */
  readonly announced: VolumeData;
  /** The latest writes, newest first. */
  readonly writes: readonly Write[];
}

export const UNKNOWN_COPY: CopyState = {
  holds: undefined,
  unread: true,
  withdrawn: false,
  seenAt: Number.NEGATIVE_INFINITY,
  readAt: Number.NEGATIVE_INFINITY,
  suspect: false,
  urgent: false,
  volumeChanged: false,
  failures: 0,
  notBefore: 0,
  dispute: undefined,
  reformed: undefined,
  formerKeys: [],
  announced: NO_DATA,
  writes: [],
};

/** The configuration moved the token from one key to another, or gave it another form. */
export function moved(state: CopyState, from: Place, to: Place): CopyState {
  if (isSamePlace(from, to)) return state;
  const kept = new Set(keysOf(to));
  const former = [...state.formerKeys, ...keysOf(from)].filter((key) => !kept.has(key));
  return { ...state, holds: undefined, notBefore: 0, formerKeys: [...new Set(former)] };
}

/** An earlier process left copies that the configuration no longer names. */
export function left(state: CopyState, copies: readonly string[]): CopyState {
  return copies.length === 0 ? state : { ...state, formerKeys: [...new Set([...state.formerKeys, ...copies])] };
}

/** The token in memory changed: it may be written immediately. */
export function outdated(state: CopyState): CopyState {
  return { ...state, notBefore: 0 };
}

/** Someone else may have changed the copy, or removed what made the last call fail. */
export function suspected(state: CopyState, now: Ms): CopyState {
  return { ...state, suspect: true, notBefore: Math.min(state.notBefore, now + promptLookIn(state, now)) };
}

/** A request is due, and someone else may have stored a newer token: a pause must not delay this read. */
export function consulted(state: CopyState): CopyState {
  return { ...state, urgent: true, notBefore: 0 };
}

/** What is stored next to the token changed. */
export function changed(state: CopyState): CopyState {
  return { ...state, volumeChanged: true };
}

/** A read begins: what happens from now on may escape it. */
export function reading(state: CopyState, now: Ms): CopyState {
  return { ...state, readAt: now, suspect: false, urgent: false };
}

/** A write begins, which replaces what others did before. */
export function writing(state: CopyState): CopyState {
  return { ...state, suspect: false, urgent: false };
}

/** A read succeeded. */
export function read(state: CopyState): CopyState {
  return { ...state, unread: false };
}

/** The store was seen to hold the token, and everything next to it. */
export function seen(state: CopyState, token: Token, now: Ms): CopyState {
  return { ...state, ...HEALTHY, holds: token, withdrawn: false, seenAt: now, volumeChanged: false };
}

/** The store was seen to hold the token. What is stored next to it, or its form, is looked at again after the request. */
export function seenInPart(state: CopyState, token: Token): CopyState {
  const volumeChanged = state.volumeChanged || state.holds !== token;
  return { ...state, holds: token, withdrawn: false, seenAt: Number.NEGATIVE_INFINITY, volumeChanged };
}

/** The store was seen to hold something else than what was written. */
export function damaged(state: CopyState, now: Ms): CopyState {
  return { ...state, dispute: repaired(state.dispute, now) };
}

/** A call failed. `permanent`: a person has to act. News that came during the call may have ended the cause. */
export function failed(state: CopyState, permanent: boolean, now: Ms): CopyState {
  const failures = state.failures + 1;
  const regular = permanent ? LONGEST_RETRY : doubled(RETRY, LONGEST_RETRY, failures);
  const pause = state.suspect ? Math.min(regular, promptLookIn(state, now)) : regular;
  return { ...state, failures, notBefore: now + pause, seenAt: Number.NEGATIVE_INFINITY };
}

/** The store could not be asked whether the copy is unchanged: that says nothing about the copy. */
export function failedLook(state: CopyState, permanent: boolean, now: Ms): CopyState {
  return { ...failed(state, permanent, now), seenAt: state.seenAt };
}

/** A write succeeded, which also removed the token from `former` keys. */
export function written(state: CopyState, generation: number, former: readonly string[], at: EpochMs): CopyState {
  const formerKeys = state.formerKeys.filter((key) => !former.includes(key));
  const writes = [{ generation, at }, ...state.writes].slice(0, REMEMBERED);
  return { ...state, ...HEALTHY, formerKeys, writes };
}

/** The copy was rewritten in the form of this version. */
export function reformed(state: CopyState, token: Token): CopyState {
  return { ...state, reformed: token.sha256 };
}

/** What belongs next to a token was stored before the first one. */
export function announced(state: CopyState, data: VolumeData): CopyState {
  return { ...state, announced: { ...data } };
}

/** The keys of the token were removed. */
export function removed(state: CopyState, now: Ms): CopyState {
  const settled = { suspect: false, urgent: false, volumeChanged: false };
  return { ...state, ...HEALTHY, ...settled, holds: undefined, withdrawn: true, seenAt: now };
}

/** Returns how long no call may follow a failed one. */
export function heldOff(state: CopyState, now: Ms): Ms {
  return Math.max(0, state.notBefore - now);
}

/**
 * Returns how long until the store is looked at: no longer than `every`, and immediately where someone else may have
 * changed the copy. A repair that is undone each time is left longer and longer.
 */
export function lookIn(state: CopyState, now: Ms, every: Ms = LOOK_AGAIN): Ms {
  if (state.volumeChanged || state.urgent) return 0;
  const regular = Math.max(0, state.seenAt + every - now);
  if (!state.suspect) return regular;
  return promptLookIn(state, now);
}

/** Returns how often the copy is looked at without a reason. A watch reports what others change, but it may miss something. */
export function lookEvery(isWatched: boolean): Ms {
  return isWatched ? LOOK_AGAIN_WATCHED : LOOK_AGAIN;
}

/**
 * Returns how old the last look at the store may be for it to show that the copy is unchanged: the tokens of one Secret share their looks.
 * 0 where someone else may have changed it since; `undefined` where only reading the copy can show that it is complete.
 */
export function lookWithin(state: CopyState, every: Ms): Ms | undefined {
  if (state.volumeChanged || state.seenAt === Number.NEGATIVE_INFINITY) return undefined;
  return state.suspect || state.urgent ? 0 : every / 2;
}

/** Returns how long a look has to wait for which someone else's change is the reason. */
function promptLookIn(state: CopyState, now: Ms): Ms {
  return Math.max(0, state.readAt + GAP - now, pauseAfter(state.dispute, now));
}

/** Returns how long after its write a client saw a generation in its volume; `undefined` where nothing shows that. */
export function lagOf(state: CopyState, generation: number, sighted: EpochMs): Ms | undefined {
  const write = state.writes.find((one) => one.generation === generation);
  const lag = write === undefined ? undefined : sighted - write.at;
  return lag === undefined || Math.abs(lag) > LONGEST_LAG ? undefined : Math.max(0, lag);
}
