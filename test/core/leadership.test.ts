import { describe, expect, it } from 'vitest';
import type { Instant } from '../../src/core/instant.ts';
import { changeIn, decideLease, isWorking, leaderAt, mayRotate, type Role, roleAt } from '../../src/core/leadership.ts';
import {
  acting,
  asking,
  type Candidate,
  claimed,
  doubted,
  failed,
  identityOf,
  type LeaseFailure,
  type LeaseRecord,
  type LeaseView,
  observed,
  podOf,
  released,
  releaseOf,
  suspected,
  unknownLease,
} from '../../src/core/lease.ts';

const SELF: Candidate = {
  identity: 'token-acquirer-7d9f8c6b5-aaaaa_00000001',
  isPod: true,
  address: '10.0.0.1:8443',
  assignment: '1',
  deployment: 'token-acquirer',
};
const OTHER = 'token-acquirer-7d9f8c6b5-bbbbb_00000002';
/** The wall clocks of two replicas may be apart, so it never counts for the end of another one's Lease. */
const at = (seconds: number): Instant => ({ wall: 1_800_000_000_000 + seconds * 1000, monotonic: seconds * 1000 });

function record(given: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    version: '1',
    holder: OTHER,
    address: '10.0.0.2:8443',
    assignment: '1',
    duration: 60_000,
    acquiredAt: 0,
    renewedAt: 0,
    transitions: 1,
    ...given,
  };
}

const AWAY: LeaseFailure = { permanent: false, missing: false, message: 'The API server cannot be reached.' };
const DENIED: LeaseFailure = { permanent: true, missing: false, message: 'It is forbidden (403).' };

const nothing = unknownLease(SELF);
const seen = (given: Partial<LeaseRecord> = {}, seconds = 0): LeaseView =>
  observed(nothing, record(given), at(seconds));
const own = record({ holder: SELF.identity, address: SELF.address });
/** Holds the Lease, renewed at second 0. */
const leading = claimed(nothing, own, { begun: at(0), now: at(0) });
const kindAt = (view: LeaseView, seconds: number): string => {
  const decision = decideLease(view, at(seconds));
  return decision.kind === 'wait' ? `wait ${decision.after / 1000}` : decision.kind;
};

describe('what a process does about the Lease', () => {
  it.each<[sentence: string, view: LeaseView, seconds: number, expected: string]>([
    ['reads it first', nothing, 0, 'read'],
    ['takes one that nobody holds', seen({ holder: undefined }), 0, 'claim'],
    ['waits while another replica holds it', seen(), 0, 'wait 20'],
    ['looks again every 20 s', seen(), 20, 'read'],
    ['waits for the end of the Lease, and not for the next look', observed(seen(), record(), at(45)), 50, 'wait 10'],
    ['takes it exactly when it ends', observed(seen(), record(), at(45)), 60, 'claim'],
    ['waits anew once it was renewed', observed(seen(), record({ renewedAt: 1 }), at(59)), 61, 'wait 18'],
    ['counts a change of labels as no renewal', observed(seen(), record({ version: '2' }), at(59)), 60, 'claim'],
    ['counts another holder as a change', observed(seen(), record({ holder: 'x_1' }), at(59)), 60, 'wait 19'],
    ['counts another transition as a change', observed(seen(), record({ transitions: 2 }), at(59)), 60, 'wait 19'],
    [
      'counts another time of acquisition as a change',
      observed(seen(), record({ acquiredAt: 2 }), at(59)),
      60,
      'wait 19',
    ],
    ['takes a shorter Lease when it ends', seen({ duration: 5000 }), 5, 'claim'],
    [
      'is not kept out by a Lease that someone made very long',
      observed(seen({ duration: 1e12 }), record({ duration: 1e12 }), at(45)),
      60,
      'claim',
    ],
    ['waits a second for a Lease without any duration', seen({ duration: 0 }), 0, 'wait 1'],
    [
      'waits for a minute where the duration is missing',
      observed(seen({ duration: undefined }), record({ duration: undefined }), at(59)),
      59,
      'wait 1',
    ],
    [
      'takes that of the container before it in the same pod',
      seen({ holder: 'token-acquirer-7d9f8c6b5-aaaaa_00000000' }),
      0,
      'claim',
    ],
    [
      'leaves that of a process on the same machine',
      observed(unknownLease({ ...SELF, identity: 'host_1', isPod: false }), record({ holder: 'host_2' }), at(0)),
      0,
      'wait 20',
    ],
    ['renews after 20 s', leading, 20, 'claim'],
    ['waits before', leading, 5, 'wait 15'],
    ['states immediately that it acts on other shards', acting(leading, '2'), 5, 'claim'],
    ['renews immediately where the answer to its claim was lost', observed(nothing, own, at(0)), 0, 'claim'],
    ['reads immediately where someone may have changed it', suspected(seen()), 1, 'read'],
    ['waits 2 s after a failure', failed(leading, AWAY, at(20)), 20, 'wait 2'],
    ['tries again then', failed(leading, AWAY, at(20)), 22, 'claim'],
    ['waits at most 10 s after many failures', failMany(leading, 9), 20, 'wait 10'],
    ['waits 30 s where it is denied', failed(nothing, DENIED, at(0)), 0, 'wait 30'],
    ['waits also where someone may have changed it', suspected(failed(seen(), AWAY, at(0))), 0, 'wait 2'],
  ])('%s', (_sentence, view, seconds, expected) => {
    expect(kindAt(view, seconds)).toBe(expected);
  });

  it('keeps the time of acquisition and the transitions while it renews', () => {
    const decision = decideLease(
      claimed(nothing, { ...own, acquiredAt: 5, transitions: 7 }, { begun: at(0), now: at(0) }),
      at(20),
    );
    expect(decision).toEqual({
      kind: 'claim',
      version: '1',
      claim: {
        holder: SELF.identity,
        address: SELF.address,
        assignment: '1',
        duration: 60_000,
        acquiredAt: 5,
        renewedAt: at(20).wall,
        transitions: 7,
      },
    });
  });

  it('counts a transition where it takes the Lease of another', () => {
    const decision = decideLease(seen({ transitions: 7, acquiredAt: 5, version: '9' }), at(60));
    expect(decision).toMatchObject({ version: '9', claim: { acquiredAt: at(60).wall, transitions: 8 } });
  });

  it('gives it back without a holder, for the shortest time', () => {
    expect(releaseOf(leading, at(9))).toEqual({
      holder: '',
      address: undefined,
      duration: 1000,
      acquiredAt: 0,
      renewedAt: at(9).wall,
      transitions: 1,
    });
  });
});

function failMany(view: LeaseView, count: number): LeaseView {
  return count === 0 ? view : failMany(failed(view, AWAY, at(20)), count - 1);
}

describe('the role of a process', () => {
  const jumped = (seconds: number): Instant => ({ ...at(seconds), wall: at(seconds).wall + 3_600_000 });
  it.each<[sentence: string, view: LeaseView, now: Instant, expected: Role]>([
    ['follows before it has read the Lease', nothing, at(0), 'following'],
    ['follows while another replica holds it', seen(), at(0), 'following'],
    ['follows while nobody holds it', seen({ holder: undefined }), at(0), 'following'],
    ['follows after the Lease of another ended, until it has taken it', seen(), at(61), 'following'],
    ['leads with the Lease', leading, at(0), 'leading'],
    ['leads until 40 s after the renewal was begun', leading, at(39.999), 'leading'],
    ['leads while a renewal fails', failed(leading, AWAY, at(30)), at(39), 'leading'],
    ['is cut off where it could not renew for 40 s', failed(leading, AWAY, at(35)), at(40), 'cut-off'],
    ['is cut off for as long as calls fail', failed(leading, AWAY, at(300)), at(320), 'cut-off'],
    ['does not lead after a pause, before it has tried to renew', leading, at(120), 'following'],
    ['is not cut off by a failure from before the pause', failed(leading, AWAY, at(30)), at(120), 'following'],
    ['does not lead by a wall clock that jumped', leading, jumped(1), 'following'],
    ['does not lead by a Lease that another one took', observed(leading, record(), at(5)), at(5), 'following'],
    ['does not lead by a claim whose answer was lost', observed(nothing, own, at(0)), at(0), 'following'],
    ['does not lead by a Lease that it gave back', released(leading), at(1), 'following'],
    ['is unelected where the Lease is denied', failed(nothing, DENIED, at(0)), at(0), 'unelected'],
    ['is unelected where it is denied while it led', failed(leading, DENIED, at(1)), at(1), 'unelected'],
    [
      'stays unelected where the API server is then unavailable',
      failed(failed(nothing, DENIED, at(0)), AWAY, at(30)),
      at(30),
      'unelected',
    ],
    [
      'follows again once it can read the Lease',
      observed(failed(nothing, DENIED, at(0)), record(), at(30)),
      at(30),
      'following',
    ],
    ['is unelected where a program of another kind holds it', seen({ holder: 'some-operator' }), at(0), 'unelected'],
    [
      'is unelected where another Deployment holds it',
      seen({ holder: 'token-acquirer-two-7d9f8c6b5-bbbbb_1' }),
      at(0),
      'unelected',
    ],
    [
      'is unelected where a longer name holds it',
      seen({ holder: 'token-acquirerx-7d9f8c6b5-bbbbb_1' }),
      at(0),
      'unelected',
    ],
    ['is unelected where it is garbage', seen({ holder: '\u0000{{' }), at(0), 'unelected'],
    ['follows again when that Lease has ended', seen({ holder: 'some-operator' }), at(60), 'following'],
    [
      'follows a replica of an earlier ReplicaSet',
      seen({ holder: 'token-acquirer-5c6d7-ccccc_1' }),
      at(0),
      'following',
    ],
    ['follows a replica whose long name was cut', seen({ holder: 'token-acquirer-5c6d7ccccc_1' }), at(0), 'following'],
    [
      'follows another process on a terminal',
      observed(unknownLease({ ...SELF, isPod: false }), record({ holder: 'host_1' }), at(0)),
      at(0),
      'following',
    ],
    [
      'is unelected on a terminal, too, where it is garbage',
      observed(unknownLease({ ...SELF, isPod: false }), record({ holder: 'me' }), at(0)),
      at(0),
      'unelected',
    ],
  ])('%s', (_sentence, view, now, expected) => {
    expect(roleAt(view, now)).toBe(expected);
  });

  it('decides who works, and who may rotate refresh tokens', () => {
    const roles: Role[] = ['leading', 'following', 'cut-off', 'unelected'];
    expect(roles.filter(isWorking)).toEqual(['leading', 'cut-off', 'unelected']);
    expect(roles.filter(mayRotate)).toEqual(['leading', 'unelected']);
  });
});

describe('the leader that can be asked', () => {
  const LEADER = { pod: 'token-acquirer-7d9f8c6b5-bbbbb', address: '10.0.0.2:8443' };
  it.each<[sentence: string, view: LeaseView, seconds: number, expected: typeof LEADER | undefined]>([
    ['is the holder of the Lease', seen(), 0, LEADER],
    ['is nobody before the Lease was read', nothing, 0, undefined],
    ['is nobody where nobody holds it', seen({ holder: undefined }), 0, undefined],
    ['is nobody where its address is missing', seen({ address: undefined }), 0, undefined],
    ['is nobody once the Lease has ended', seen(), 60, undefined],
    ['is nobody where this process leads', leading, 0, undefined],
    ['is nobody where this process led until now', leading, 50, undefined],
    ['is nobody that another Deployment runs', seen({ holder: 'other-7d9f8-bbbbb_1' }), 0, undefined],
    ['is nobody while it is doubted', doubted(seen()), 0, undefined],
    [
      'is still doubted when the Lease is read again',
      observed(doubted(seen()), record({ version: '2' }), at(5)),
      5,
      undefined,
    ],
    ['is trusted again once it renews', observed(doubted(seen()), record({ renewedAt: 9 }), at(5)), 5, LEADER],
  ])('%s', (_sentence, view, seconds, expected) => {
    expect(leaderAt(view, at(seconds))).toEqual(expected);
  });
});

describe('the next change of the role by itself', () => {
  it.each<[sentence: string, view: LeaseView, seconds: number, expected: number]>([
    ['is the renew deadline', leading, 25, 15],
    ['is the end of the Lease of another', observed(seen(), record(), at(45)), 50, 10],
    ['is the end of the time in which a failure counts', failed(leading, AWAY, at(35)), 61, 4],
    ['is looked for every 20 s at least', leading, 5, 20],
  ])('%s', (_sentence, view, seconds, expected) => {
    expect(changeIn(view, at(seconds)) / 1000).toBe(expected);
  });
});

describe('what is known of the Lease', () => {
  it('keeps a hint that comes during a call', () => {
    const during = suspected(asking(suspected(seen())));
    expect(observed(during, record(), at(1)).suspect).toBe(true);
    expect(observed(asking(suspected(seen())), record(), at(1)).suspect).toBe(false);
  });

  it('forgets failures when a call succeeds', () => {
    expect(observed(failMany(nothing, 3), record(), at(9)).failure).toBeUndefined();
    expect(claimed(failMany(nothing, 3), own, { begun: at(8), now: at(9) }).failure).toBeUndefined();
  });

  it.each([
    ['pod-a_1', 'pod-a'],
    ['a b_1', 'unknown'],
    ['', 'unknown'],
    [`${'x'.repeat(254)}_1`, 'unknown'],
  ])('has the pod of the identity %j', (identity, pod) => {
    expect(podOf(identity)).toBe(pod);
  });

  it('has identities of eight digits', () => {
    expect([identityOf('pod-a', 0), identityOf('pod-a', 0.999_999_999_9)]).toEqual([
      'pod-a_00000000',
      'pod-a_ffffffff',
    ]);
  });
});
