import { type CopyState, heldOff, lookIn } from './copy-state.ts';
import type { Found } from './found-copy.ts';
import type { Instant } from './instant.ts';
import { type Decided, LOOK_AGAIN } from './reconcile.ts';
import { isExpired, type ScheduledToken } from './scheduled-token.ts';
import { type EpochMs, isSameToken, type Ms } from './token.ts';

/** How far the clock of another writer may be ahead. */
const CLOCKS_APART: Ms = 60_000;

/** What is known when it is decided what to do about the stored copy of a token. */
export interface StorageObservation {
  readonly now: Instant;
  /** The token in memory. */
  readonly held: Pick<ScheduledToken, 'token' | 'deadlines'> | undefined;
  readonly copy: CopyState;
  /** What was read just now; `undefined`: nothing was read since the last change. */
  readonly found: Found | undefined;
  /** Whether the configuration wants the token in the store. */
  readonly delivered: boolean;
  /** Whether the token is being written. */
  readonly storing: boolean;
  /** Whether a token is about to be requested, or is being requested. */
  readonly requesting: boolean;
  readonly suspended: boolean;
  /** Whether another token-acquirer writes the same token. */
  readonly others: boolean;
  /** Whether what belongs next to a token was stored before the first one. */
  readonly announced: boolean;
  /** How often the copy is looked at without a reason. */
  readonly lookEvery: Ms;
}

export type StorageDecision =
  | Decided<'read', 'CopyUnread' | 'CopyUncertain' | 'CopyNotSeenLately'>
  | Decided<'adopt', 'CopyFound' | 'CopyNewer'>
  | WriteDecision
  | Decided<'withdraw', 'ExpiredWhileSuspended'>
  | Decided<'announce', 'CaMissing'>
  | Decided<
      'nothing',
      | 'BeingWritten'
      | 'StoreUnavailable'
      | 'RequestedFirst'
      | 'TokenDoesNotExist'
      | 'StoredNowhere'
      | 'CopyWithdrawn'
      | 'CopyCurrent'
    >;

/** `repairs`: someone else changed what is written again, which is an event. */
export type WriteDecision = Decided<
  'write',
  'FormerKeyLeft' | 'CopyOutdated' | 'CopyDiffers' | 'CopyIncomplete' | 'CopyInOtherForm'
> & { readonly repairs: boolean };

/** Named for its violation; `undefined` where it is kept. */
type Check = (observation: StorageObservation) => StorageDecision | undefined;

const beingWritten: Check = ({ storing }) =>
  storing ? nothing('BeingWritten', 'The token is being written.') : undefined;

const storeUnavailable: Check = ({ copy, now }) => {
  const pause = heldOff(copy, now.monotonic);
  return pause > 0 ? nothing('StoreUnavailable', 'The last call of the store failed.', pause) : undefined;
};

const copyUnread: Check = ({ held, copy, delivered, found }) =>
  held === undefined && copy.unread && delivered && found === undefined
    ? act('read', 'CopyUnread', 'An earlier process may have stored a token that is still valid.')
    : undefined;

const copyFound: Check = ({ held, found }) =>
  held === undefined && found?.token !== undefined
    ? act('adopt', 'CopyFound', 'An earlier process stored the token.')
    : undefined;

const requestedFirst: Check = ({ requesting, copy, found }) =>
  requesting && !copy.suspect && !copy.urgent && found === undefined ? leftToRequest() : undefined;

const caNotAnnounced: Check = ({ held, delivered, announced, requesting }) =>
  held === undefined && delivered && !announced && !requesting
    ? act('announce', 'CaMissing', 'Clients cannot trust the reissue endpoint before they have its CA.')
    : undefined;

const tokenDoesNotExist: Check = ({ held }) =>
  held === undefined ? nothing('TokenDoesNotExist', 'There is no token to store.') : undefined;

const storedNowhere: Check = ({ delivered, copy }) =>
  !delivered && copy.formerKeys.length === 0
    ? nothing('StoredNowhere', 'The configuration has the client ask for the token.')
    : undefined;

const expiredWhileSuspended: Check = ({ held, copy, now, suspended, delivered, lookEvery }) =>
  held !== undefined &&
  delivered &&
  suspended &&
  isExpired(held, now) &&
  !(copy.withdrawn && lookIn(copy, now.monotonic, lookEvery) > 0)
    ? act('withdraw', 'ExpiredWhileSuspended', 'A pod that comes back is to wait for a valid token.')
    : undefined;

const copyWithdrawn: Check = ({ held, copy, now, suspended, delivered, lookEvery }) =>
  held !== undefined && delivered && copy.withdrawn && isExpired(held, now)
    ? nothing(
        'CopyWithdrawn',
        'The keys of the expired token were removed.',
        suspended ? regularly(copy, now, lookEvery) : LOOK_AGAIN,
      )
    : undefined;

const copyUncertain: Check = (observation) =>
  !isKnown(observation) && observation.copy.failures > 0 && observation.found === undefined && observation.delivered
    ? act('read', 'CopyUncertain', 'A write failed, so another token-acquirer may have stored a newer token.')
    : undefined;

const copyNewer: Check = (observation) =>
  isNewer(observation) ? act('adopt', 'CopyNewer', 'Another token-acquirer stored a newer token.') : undefined;

const formerKeyLeft: Check = ({ copy }) =>
  copy.formerKeys.length > 0
    ? write('FormerKeyLeft', 'The configuration names another key than before.', false)
    : undefined;

const copyOutdated: Check = (observation) =>
  !isKnown(observation) && !isFound(observation)
    ? write('CopyOutdated', 'The token in memory was not stored yet.', false)
    : undefined;

const copyDiffers: Check = (observation) =>
  observation.found !== undefined && !isFound(observation)
    ? write('CopyDiffers', 'Someone else changed or removed the stored token.', true)
    : undefined;

const copyIncomplete: Check = (observation) => {
  if (observation.found?.isComplete !== false) return undefined;
  const repairs = isKnown(observation) && !observation.copy.volumeChanged;
  return write('CopyIncomplete', 'What belongs to the stored token is missing, or is not current.', repairs);
};

/** Once for each token: two versions side by side would rewrite each other's form indefinitely. */
const copyInOtherForm: Check = ({ found, copy }) =>
  found?.token !== undefined && !found.isOurForm && copy.reformed !== found.token.sha256
    ? write('CopyInOtherForm', 'Another version stored the token.', false)
    : undefined;

const copyNotSeenLately: Check = ({ copy, now, found, lookEvery }) =>
  found === undefined && lookIn(copy, now.monotonic, lookEvery) === 0
    ? act('read', 'CopyNotSeenLately', 'Someone else may have changed the stored token.')
    : undefined;

const CHECKS: readonly Check[] = [
  // Calls of the store do not overtake each other, and a store that fails is left alone.
  beingWritten,
  storeUnavailable,
  // What is stored and still valid spares a token request, so it is read before one.
  copyUnread,
  copyFound,
  // A copy that is about to be replaced costs no write. Only a change by someone else is looked at in the meantime.
  requestedFirst,
  // Without a token, only the CA can be stored.
  caNotAnnounced,
  tokenDoesNotExist,
  // From here on there is a token.
  storedNowhere,
  expiredWhileSuspended,
  copyWithdrawn,
  // A newer token of another process must not be overwritten, so this comes before all writes.
  copyUncertain,
  copyNewer,
  formerKeyLeft,
  copyOutdated,
  // The store was known to hold the token, so someone else changed it.
  copyDiffers,
  unlessRequested(copyIncomplete),
  unlessRequested(copyInOtherForm),
  copyNotSeenLately,
];

/** Decides what to do about the stored copy of one token: the first violation wins. */
export function decideStorage(observation: StorageObservation): StorageDecision {
  for (const check of CHECKS) {
    const decision = check(observation);
    if (decision !== undefined) return decision;
  }
  const { copy, now, found, lookEvery } = observation;
  const after = found === undefined ? regularly(copy, now, lookEvery) : LOOK_AGAIN;
  return nothing('CopyCurrent', 'The store holds the token.', after);
}

/** Whether the store is known to hold the token in memory. */
function isKnown({ held, copy }: StorageObservation): boolean {
  return held !== undefined && copy.holds === held.token;
}

/** Whether the token in memory was found in the store, in whatever form. */
function isFound({ held, found }: StorageObservation): boolean {
  return held !== undefined && found?.token !== undefined && isSameToken(held.token, found.token);
}

/** Whether a newer token was found; or the same one that another token-acquirer renews at another time. */
function isNewer({ held, found, others, now }: StorageObservation): boolean {
  if (held === undefined || found?.token === undefined) return false;
  const { issuedAt, renewAt, sha256 } = found.token;
  if (others && sha256 === held.token.sha256 && renewAt !== held.token.renewAt) return true;
  // One that claims to come from the future would be believed until then.
  const latest: EpochMs = now.wall + CLOCKS_APART;
  return issuedAt > held.token.issuedAt && issuedAt <= latest;
}

function regularly(copy: CopyState, now: Instant, lookEvery: Ms): Ms {
  return Math.min(LOOK_AGAIN, lookIn(copy, now.monotonic, lookEvery));
}

function act<Kind extends string, Reason extends string>(
  kind: Kind,
  reason: Reason,
  because: string,
): Decided<Kind, Reason> {
  return { kind, reason, after: 0, because };
}

function leftToRequest(): StorageDecision {
  return nothing('RequestedFirst', 'The next token is written instead of this one.');
}

/** Returns a check of a copy that holds the right token. The next token would bring what the check finds missing. */
function unlessRequested(check: Check): Check {
  return (observation) => {
    const decision = check(observation);
    return decision !== undefined && observation.requesting ? leftToRequest() : decision;
  };
}

function nothing<Reason extends string>(
  reason: Reason,
  because: string,
  after = LOOK_AGAIN,
): Decided<'nothing', Reason> {
  return { kind: 'nothing', reason, after, because };
}

function write(reason: WriteDecision['reason'], because: string, repairs: boolean): WriteDecision {
  return { kind: 'write', reason, after: 0, because, repairs };
}
