import { doubled } from './doubling.ts';
import type { EpochMs, Ms, Sha256, Token } from './token.ts';

/** How long after a write a mounted file may still hold the token before: a kubelet takes up to 90 s. */
const FILE_FOLLOWS: Ms = 120_000;
/** The same with the nudge, which brings it within about a second. */
const NUDGED_FILE_FOLLOWS: Ms = 10_000;
/** The same where readers read the store itself. */
const STORE_READ: Ms = 1000;
/** No gateway helps by rejecting each new token, so the pauses grow. */
const LONGEST_UNNAMED: Ms = 30 * 60_000;
const FIRST_NAMED: Ms = 1000;
const LONGEST_NAMED: Ms = 5 * 60_000;
/** A token that was accepted for as long, and for twice the pause, was rejected for another reason than the one before. */
const ACCEPTED: Ms = 10 * 60_000;
/** Between two attempts for one token. */
const APART: Ms = 1000;

/** How a written token reaches its readers. */
export type FollowedBy = 'kubelet' | 'nudged-kubelet' | 'reader';

/** A report that a gateway rejected a token. */
export interface Report {
  /** When it was made, on its own machine's clock. */
  readonly at: EpochMs;
  /** The SHA-256 of the token, or its first 8 digits; `undefined`: the token that was in the file. */
  readonly rejected: string | undefined;
}

/** The token that clients should have. */
export interface Published {
  readonly token: Pick<Token, 'sha256' | 'previousSha256'>;
  /** `undefined`: it is not stored yet. */
  readonly writtenAt: EpochMs | undefined;
  readonly followedBy: FollowedBy;
}

/** What reports about one token have led to. It never changes: each transition returns another value. */
export interface EvidenceState {
  /** The token that a report counted for last. */
  readonly counted: Sha256 | undefined;
  /** No other report counts for that token before this moment (monotonic clock). */
  readonly notBefore: Ms;
  /** The token that the last report led to. */
  readonly reissued: Sha256 | undefined;
  /** How many such tokens in a row were reported themselves. */
  readonly repeats: number;
}

export const NO_EVIDENCE: EvidenceState = {
  counted: undefined,
  notBefore: Number.NEGATIVE_INFINITY,
  reissued: undefined,
  repeats: 0,
};

/** Why a report is ignored. */
export type Ignored =
  /** There is no token yet. */
  | 'no_token'
  /** It names another token than the current one. */
  | 'not_current'
  /** It is older than the current token. */
  | 'older'
  /** The file may have held the token before. */
  | 'file_follows'
  /** Another report counted for this token just now. */
  | 'counted'
  /** Gateways reject the tokens that reports lead to. */
  | 'repeated';

export type Weighing =
  | { readonly kind: 'count'; readonly rejected: Sha256; readonly state: EvidenceState }
  | { readonly kind: 'ignore'; readonly because: Ignored };

/** Decides whether a report counts for the published token. The first reason against it wins. */
export function weigh(report: Report, published: Published | undefined, state: EvidenceState, now: Ms): Weighing {
  if (published === undefined) return ignored('no_token');
  const { token, writtenAt } = published;
  const { sha256, previousSha256 } = token;
  const named = report.rejected;
  const isNamed = named !== undefined && sha256.startsWith(named);
  if (named !== undefined && !isNamed) return ignored('not_current');
  // A token that is not stored is in no file.
  const age = writtenAt === undefined ? 0 : report.at - writtenAt;
  if (!isNamed && age <= 0) return ignored('older');
  const follows = previousSha256.length === 0 ? 0 : LAGS[published.followedBy];
  if (!isNamed && age < follows) return ignored('file_follows');
  if (state.counted === sha256 && now < state.notBefore) return ignored('counted');
  const pause = pauseAfter(state.repeats, isNamed, follows);
  const isRepeated = state.reissued === sha256 && age < Math.max(ACCEPTED, 2 * pause);
  if (isRepeated && age < pause) return ignored('repeated');
  const repeats = isRepeated ? state.repeats + 1 : 0;
  return { kind: 'count', rejected: sha256, state: { ...state, counted: sha256, notBefore: now + APART, repeats } };
}

/** The state after a counted report gave the token `issued`. */
export function evidenceLedTo(state: EvidenceState, issued: Sha256): EvidenceState {
  return { ...state, reissued: issued };
}

/** The state after a counted report gave no token: no other one counts for `pause`. */
export function evidencePaused(state: EvidenceState, now: Ms, pause: Ms): EvidenceState {
  return { ...state, notBefore: now + Math.max(APART, pause) };
}

const LAGS: Readonly<Record<FollowedBy, Ms>> = {
  kubelet: FILE_FOLLOWS,
  'nudged-kubelet': NUDGED_FILE_FOLLOWS,
  reader: STORE_READ,
};

/** How old a token must be that a report led to, until the next report counts for it. */
function pauseAfter(repeats: number, isNamed: boolean, follows: Ms): Ms {
  if (isNamed) return doubled(FIRST_NAMED, LONGEST_NAMED, repeats + 1);
  return doubled(Math.max(follows, APART), LONGEST_UNNAMED, repeats + 1);
}

function ignored(because: Ignored): Weighing {
  return { kind: 'ignore', because };
}
