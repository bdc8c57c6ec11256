import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CopyState, seen, UNKNOWN_COPY } from '../../src/core/copy-state.ts';
import type { Found } from '../../src/core/found-copy.ts';
import { LOOK_AGAIN } from '../../src/core/reconcile.ts';
import { decideStorage, type StorageDecision, type StorageObservation } from '../../src/core/storage.ts';
import type { Token } from '../../src/core/token.ts';
import { buildToken } from '../support/tokens.ts';

const SECOND = 1000;
const NOW = { wall: Date.UTC(2026, 0, 1, 12, 10), monotonic: 1_000_000 };
const TOKEN = buildToken();

/** A token in memory that expires after so long. */
function hold(token: Token, expiresIn = 50 * 60 * SECOND): StorageObservation['held'] {
  const at = (after: number) => ({ wall: NOW.wall + after, monotonic: NOW.monotonic + after });
  return { token, deadlines: { renewal: at(expiresIn / 2), expiry: at(expiresIn) } };
}

const HELD = hold(TOKEN);
const EXPIRED = hold(TOKEN, -SECOND);

/** A copy that was seen to hold the token a moment ago. */
const KNOWN = seen({ ...UNKNOWN_COPY, unread: false }, TOKEN, NOW.monotonic - SECOND);
const LONG_AGO = { seenAt: NOW.monotonic - LOOK_AGAIN };
const copy = (given: Partial<CopyState>): { copy: CopyState } => ({ copy: { ...KNOWN, ...given } });

function found(token: Token | undefined = TOKEN, given: Partial<Found> = {}): { found: Found } {
  return { found: { token, fault: undefined, isOurForm: true, isComplete: true, formerCopies: [], ...given } };
}

function decide(given: Partial<StorageObservation>): StorageDecision {
  return decideStorage({
    now: NOW,
    held: HELD,
    copy: KNOWN,
    found: undefined,
    delivered: true,
    storing: false,
    requesting: false,
    suspended: false,
    others: false,
    lookEvery: 30_000,
    announced: true,
    ...given,
  });
}

type Row = readonly [sentence: string, given: Partial<StorageObservation>, kind: string, reason: string, after: number];

const NONE: Partial<StorageObservation> = { held: undefined, copy: UNKNOWN_COPY, requesting: true };
const NONE_READ: Partial<StorageObservation> = { ...NONE, copy: { ...UNKNOWN_COPY, unread: false } };
const IDLE: Partial<StorageObservation> = { ...NONE_READ, requesting: false };

describe('the copy, before there is a token in memory,', () => {
  it.each<Row>([
    ['is read before one is requested', NONE, 'read', 'CopyUnread', 0],
    ['is adopted', { ...NONE, ...found() }, 'adopt', 'CopyFound', 0],
    [
      'is adopted also where it has expired',
      { ...NONE, now: { ...NOW, wall: NOW.wall * 2 }, ...found() },
      'adopt',
      'CopyFound',
      0,
    ],
    ['is left to the request where nothing was stored', NONE_READ, 'nothing', 'RequestedFirst', LOOK_AGAIN],
    [
      'is left to the request where what was stored is not a token',
      {
        ...NONE_READ,
        found: { token: undefined, fault: 'It cannot be read.', isOurForm: false, isComplete: true, formerCopies: [] },
      },
      'nothing',
      'TokenDoesNotExist',
      LOOK_AGAIN,
    ],
    ['gets the CA where no token is requested', { ...IDLE, announced: false }, 'announce', 'CaMissing', 0],
    ['gets the CA once', IDLE, 'nothing', 'TokenDoesNotExist', LOOK_AGAIN],
    [
      'gets no CA while a token is requested',
      { ...NONE_READ, announced: false },
      'nothing',
      'RequestedFirst',
      LOOK_AGAIN,
    ],
    ['gets no CA before it was read', { ...NONE, requesting: false, announced: false }, 'read', 'CopyUnread', 0],
    ['is not read where tokens are not stored', { ...NONE, delivered: false }, 'nothing', 'RequestedFirst', LOOK_AGAIN],
    [
      'gets no CA where tokens are not stored',
      { ...IDLE, delivered: false, announced: false },
      'nothing',
      'TokenDoesNotExist',
      LOOK_AGAIN,
    ],
    [
      'is not read again before the pause after a failure is over',
      { ...NONE, copy: { ...UNKNOWN_COPY, failures: 1, notBefore: NOW.monotonic + 1 } },
      'nothing',
      'StoreUnavailable',
      1,
    ],
    [
      'is read again when the pause is over',
      { ...NONE, copy: { ...UNKNOWN_COPY, failures: 1, notBefore: NOW.monotonic } },
      'read',
      'CopyUnread',
      0,
    ],
  ])('%s', (_sentence, given, kind, reason, after) => {
    expect(decide(given)).toMatchObject({ kind, reason, after });
  });
});

describe('a copy that is known to hold the token', () => {
  it.each<Row>([
    ['is left for 30 s', {}, 'nothing', 'CopyCurrent', 29 * SECOND],
    ['is read after 30 s', copy(LONG_AGO), 'read', 'CopyNotSeenLately', 0],
    ['is not read one millisecond before', copy({ seenAt: LONG_AGO.seenAt + 1 }), 'nothing', 'CopyCurrent', 1],
    ['is read where someone else may have changed it', copy({ suspect: true }), 'read', 'CopyNotSeenLately', 0],
    ['is read where the CA changed', copy({ volumeChanged: true }), 'read', 'CopyNotSeenLately', 0],
    [
      'is not read while a token is requested',
      { ...copy(LONG_AGO), requesting: true },
      'nothing',
      'RequestedFirst',
      LOOK_AGAIN,
    ],
    [
      'is read while a token is requested where someone else may have changed it',
      { ...copy({ suspect: true }), requesting: true },
      'read',
      'CopyNotSeenLately',
      0,
    ],
    [
      'is read while a token is requested where another token-acquirer may have renewed it',
      { ...copy({ urgent: true }), requesting: true },
      'read',
      'CopyNotSeenLately',
      0,
    ],
    [
      'is not read while a token is written',
      { ...copy(LONG_AGO), storing: true },
      'nothing',
      'BeingWritten',
      LOOK_AGAIN,
    ],
    [
      'is not read while the store is unavailable',
      copy({ ...LONG_AGO, notBefore: NOW.monotonic + 700 }),
      'nothing',
      'StoreUnavailable',
      700,
    ],
    ['is left where it holds the token', { ...copy(LONG_AGO), ...found() }, 'nothing', 'CopyCurrent', LOOK_AGAIN],
    [
      'is read while its token is suspended and valid',
      { ...copy(LONG_AGO), suspended: true },
      'read',
      'CopyNotSeenLately',
      0,
    ],
  ])('%s', (_sentence, given, kind, reason, after) => {
    expect(decide(given)).toMatchObject({ kind, reason, after });
  });

  const older = buildToken({ issuedAt: TOKEN.issuedAt - 1 });
  const newer = (by: number): Token => buildToken({ issuedAt: TOKEN.issuedAt + by });
  const ahead = (by: number): Token => buildToken({ issuedAt: NOW.wall + by });
  const later = { ...TOKEN, renewAt: TOKEN.renewAt + SECOND };

  it.each<[sentence: string, given: Partial<StorageObservation>, reason: string]>([
    ['is missing', { found: { ...found().found, token: undefined, isOurForm: false } }, 'CopyDiffers'],
    ['is not a token', found(undefined, { token: undefined, fault: 'It cannot be read.' }), 'CopyDiffers'],
    ['is another token of the same time', found(newer(0)), 'CopyDiffers'],
    ['is an older token', found(older), 'CopyDiffers'],
    ['is a token that claims to be issued in more than a minute', found(ahead(60_001)), 'CopyDiffers'],
    ['has another time of renewal', found(later), 'CopyDiffers'],
    ['has another scope', found({ ...TOKEN, scope: 'more' }), 'CopyDiffers'],
    ['lacks the CA', found(TOKEN, { isComplete: false }), 'CopyIncomplete'],
    [
      'has the form of another version and lacks the CA',
      found(TOKEN, { isComplete: false, isOurForm: false }),
      'CopyIncomplete',
    ],
  ])('is repaired where what is stored %s', (_sentence, given, reason) => {
    expect(decide(given)).toMatchObject({ kind: 'write', reason, repairs: true });
  });

  it.each<[sentence: string, given: Partial<StorageObservation>]>([
    ['is newer', found(newer(1))],
    ['is a minute ahead of this clock', found(ahead(60_000))],
    ['is the same token that another token-acquirer renews at another time', { ...found(later), others: true }],
  ])('gives way to what is stored where that %s', (_sentence, given) => {
    expect(decide(given)).toMatchObject({ kind: 'adopt', reason: 'CopyNewer', after: 0 });
  });

  it('is repaired where another token-acquirer writes an older token', () => {
    expect(decide({ ...found(older), others: true })).toMatchObject({ kind: 'write', reason: 'CopyDiffers' });
  });

  it('is repaired where the token differs, although the CA changed, too', () => {
    const given = { ...copy({ volumeChanged: true }), ...found(older, { isComplete: false }) };
    expect(decide(given)).toMatchObject({ kind: 'write', reason: 'CopyDiffers', repairs: true });
  });

  it('gets a changed CA, and nobody else is said to have changed it', () => {
    const given = { ...copy({ volumeChanged: true }), ...found(TOKEN, { isComplete: false }) };
    expect(decide(given)).toMatchObject({ kind: 'write', reason: 'CopyIncomplete', repairs: false });
  });
});

describe('a copy in the form of another version', () => {
  const other = found(TOKEN, { isOurForm: false });

  it('is rewritten, and nobody else is said to have changed it', () => {
    expect(decide(other)).toMatchObject({ kind: 'write', reason: 'CopyInOtherForm', repairs: false });
    expect(decide({ ...copy({ holds: undefined }), ...other })).toMatchObject({ reason: 'CopyInOtherForm' });
  });

  it('is rewritten once for each token, so that two versions end', () => {
    const given = { ...copy({ reformed: TOKEN.sha256 }), ...other };
    expect(decide(given)).toMatchObject({ kind: 'nothing', reason: 'CopyCurrent', after: LOOK_AGAIN });
    expect(decide({ ...given, ...copy({ reformed: buildToken().sha256 }) })).toMatchObject({
      reason: 'CopyInOtherForm',
    });
  });
});

describe('a copy that does not hold the token yet', () => {
  const stale = (given: Partial<CopyState> = {}) => copy({ holds: buildToken(), ...given });

  it.each<Row>([
    ['is written', stale(), 'write', 'CopyOutdated', 0],
    ['is written where nothing is known of it', copy({ holds: undefined }), 'write', 'CopyOutdated', 0],
    ['is written where the token was rescheduled', { held: hold({ ...TOKEN }) }, 'write', 'CopyOutdated', 0],
    [
      'is left where another token is about to be requested',
      { ...stale(), requesting: true },
      'nothing',
      'RequestedFirst',
      LOOK_AGAIN,
    ],
    ['is left while it is being written', { ...stale(), storing: true }, 'nothing', 'BeingWritten', LOOK_AGAIN],
    ['is read first after a failed write', stale({ failures: 1 }), 'read', 'CopyUncertain', 0],
    [
      'is written after that',
      { ...stale({ failures: 1 }), ...found(buildToken({ issuedAt: 0 })) },
      'write',
      'CopyOutdated',
      0,
    ],
    [
      'gives way to a newer token after that',
      { ...stale({ failures: 1 }), ...found(buildToken({ issuedAt: NOW.wall })) },
      'adopt',
      'CopyNewer',
      0,
    ],
    [
      'is left where the failed write arrived',
      { ...stale({ failures: 1 }), ...found() },
      'nothing',
      'CopyCurrent',
      LOOK_AGAIN,
    ],
    ['is cleared of a former key', stale({ formerKeys: ['former'] }), 'write', 'FormerKeyLeft', 0],
    [
      'gets the CA with the next token where one is requested',
      { ...stale(), ...found(TOKEN, { isComplete: false }), requesting: true },
      'nothing',
      'RequestedFirst',
      LOOK_AGAIN,
    ],
    [
      'gets the form of this version with the next token where one is requested',
      { ...stale(), ...found(TOKEN, { isOurForm: false }), requesting: true },
      'nothing',
      'RequestedFirst',
      LOOK_AGAIN,
    ],
    [
      'gives way to a newer token without the CA also where one is requested',
      { ...stale(), ...found(buildToken({ issuedAt: NOW.wall }), { isComplete: false }), requesting: true },
      'adopt',
      'CopyNewer',
      0,
    ],
    [
      'gets the CA with the adopted token',
      { ...stale(), ...found(TOKEN, { isComplete: false }) },
      'write',
      'CopyIncomplete',
      0,
    ],
  ])('%s', (_sentence, given, kind, reason, after) => {
    const decision = decide(given);
    expect(decision).toMatchObject({ kind, reason, after });
    if (decision.kind === 'write') expect(decision.repairs).toBe(false);
  });
});

describe('a copy that the configuration does not want', () => {
  it.each<Row>([
    ['is left', { delivered: false, ...copy({ holds: undefined }) }, 'nothing', 'StoredNowhere', LOOK_AGAIN],
    [
      'is removed from a former key',
      { delivered: false, ...copy({ holds: undefined, formerKeys: ['dynamics'] }) },
      'write',
      'FormerKeyLeft',
      0,
    ],
    [
      'is not read after a failure either',
      { delivered: false, ...copy({ holds: undefined, failures: 1, formerKeys: ['dynamics'] }) },
      'write',
      'FormerKeyLeft',
      0,
    ],
    [
      'is removed from a former key also where an expired token was removed before',
      {
        delivered: false,
        held: EXPIRED,
        suspended: true,
        ...copy({ ...LONG_AGO, holds: undefined, withdrawn: true, formerKeys: ['dynamics'] }),
      },
      'write',
      'FormerKeyLeft',
      0,
    ],
    [
      'is left also while suspended',
      { delivered: false, held: EXPIRED, suspended: true },
      'nothing',
      'StoredNowhere',
      LOOK_AGAIN,
    ],
  ])('%s', (_sentence, given, kind, reason, after) => {
    expect(decide(given)).toMatchObject({ kind, reason, after });
  });
});

describe('the copy of an expired token', () => {
  const expired = { held: EXPIRED };
  const suspended = { held: EXPIRED, suspended: true };
  const removedCopy = (given: Partial<CopyState> = {}) => copy({ withdrawn: true, holds: undefined, ...given });

  it.each<Row>([
    ['is removed while its client app does not run', suspended, 'withdraw', 'ExpiredWhileSuspended', 0],
    [
      'is removed at the moment of expiry',
      { held: hold(TOKEN, 0), suspended: true },
      'withdraw',
      'ExpiredWhileSuspended',
      0,
    ],
    [
      'is not removed a millisecond before',
      { held: hold(TOKEN, 1), suspended: true },
      'nothing',
      'CopyCurrent',
      29 * SECOND,
    ],
    ['is removed once', { ...suspended, ...removedCopy() }, 'nothing', 'CopyWithdrawn', 29 * SECOND],
    [
      'is looked for again after 30 s',
      { ...suspended, ...removedCopy(LONG_AGO) },
      'withdraw',
      'ExpiredWhileSuspended',
      0,
    ],
    [
      'is looked for again where someone may have put it back',
      { ...suspended, ...removedCopy({ suspect: true }) },
      'withdraw',
      'ExpiredWhileSuspended',
      0,
    ],
    [
      'is not put back when the client app runs again',
      { ...expired, ...removedCopy(LONG_AGO) },
      'nothing',
      'CopyWithdrawn',
      LOOK_AGAIN,
    ],
    ['stays while the client app runs', expired, 'nothing', 'CopyCurrent', 29 * SECOND],
    ['that was removed is written again where the next token came', removedCopy(), 'write', 'CopyOutdated', 0],
  ])('%s', (_sentence, given, kind, reason, after) => {
    expect(decide(given)).toMatchObject({ kind, reason, after });
  });
});

it('each decision says why in a sentence', () => {
  const observations = [{}, NONE, IDLE, { storing: true }, { requesting: true }, copy(LONG_AGO), found(undefined)];
  for (const given of observations) expect(decide(given).because).toMatch(/^[A-Z].*\.$/);
});

it('a decision to do nothing never asks for the next look immediately', () => {
  const moment = fc.constantFrom(Number.NEGATIVE_INFINITY, LONG_AGO.seenAt, NOW.monotonic - SECOND, NOW.monotonic);
  const state = fc.record({
    holds: fc.constantFrom(undefined, TOKEN),
    unread: fc.boolean(),
    withdrawn: fc.boolean(),
    seenAt: moment,
    readAt: moment,
    suspect: fc.boolean(),
    urgent: fc.boolean(),
    volumeChanged: fc.boolean(),
    failures: fc.nat(1),
    notBefore: fc.constantFrom(0, NOW.monotonic, NOW.monotonic + SECOND),
    dispute: fc.constantFrom(undefined, { repairs: 5, at: NOW.monotonic }),
    formerKeys: fc.constantFrom([], ['former']),
  });
  const [whole, partial, changed] = [found(), found(TOKEN, { isComplete: false }), found(buildToken())];
  const observation = fc.record({
    held: fc.constantFrom(undefined, HELD, EXPIRED),
    copy: state.map((given) => ({ ...KNOWN, ...given })),
    found: fc.constantFrom(undefined, whole.found, partial.found, changed.found),
    delivered: fc.boolean(),
    storing: fc.boolean(),
    requesting: fc.boolean(),
    suspended: fc.boolean(),
    others: fc.boolean(),
    announced: fc.boolean(),
  });
  const waits = fc.property(observation, (given) => {
    const { kind, after } = decide(given);
    expect(kind !== 'nothing' || after > 0).toBe(true);
  });
  fc.assert(waits, { numRuns: 5000 });
});
