import { describe, expect, it } from 'vitest';
import { decideReissueRoute, type ReissueRoute, type RouteFacts } from '../../src/core/reissue-route.ts';

const LEADING: RouteFacts = {
  role: 'leading',
  leader: false,
  ownShard: 0,
  shard: 0,
  isShardSilent: false,
  forwardedTo: undefined,
  rotates: false,
  delivery: 'secret',
};
const FOLLOWING: RouteFacts = { ...LEADING, role: 'following', leader: true };
const ALONE: RouteFacts = { ...FOLLOWING, leader: false };
const CUT_OFF: RouteFacts = { ...LEADING, role: 'cut-off' };
const UNELECTED: RouteFacts = { ...LEADING, role: 'unelected' };

const OWNER: ReissueRoute = { kind: 'owner', mayRequest: true };
const STAND_IN: ReissueRoute = { kind: 'stand-in', mayRequest: true };
const READER: ReissueRoute = { kind: 'stand-in', mayRequest: false };
const TO_LEADER: ReissueRoute = { kind: 'forward', to: 'leader' };
const TO_SHARD: ReissueRoute = { kind: 'forward', to: 'shard', shard: 3 };
const MISDIRECTED: ReissueRoute = { kind: 'misdirected' };
const SILENT: RouteFacts = { ...LEADING, shard: 3, isShardSilent: true };

const UNAVAILABLE: ReissueRoute = { kind: 'unavailable', who: 'leader' };

const TABLE: readonly (readonly [string, RouteFacts, ReissueRoute])[] = [
  ['the leader answers', LEADING, OWNER],
  ['the leader answers what a replica forwarded to it', { ...LEADING, forwardedTo: 'leader' }, OWNER],
  ['the leader answers what another shard forwarded', { ...LEADING, forwardedTo: 'shard' }, OWNER],
  ['the leader spends refresh tokens', { ...LEADING, rotates: true }, OWNER],
  ['the leader answers for memory only', { ...LEADING, delivery: 'endpoint' }, OWNER],
  ['a follower forwards the call to its leader', FOLLOWING, TO_LEADER],
  ['a follower forwards a rotating refresh token, too', { ...FOLLOWING, rotates: true }, TO_LEADER],
  ['a follower forwards what only the leader holds', { ...FOLLOWING, delivery: 'endpoint' }, TO_LEADER],
  ['a follower forwards what another shard sent', { ...FOLLOWING, forwardedTo: 'shard' }, TO_LEADER],
  ['a follower never forwards what was meant for the leader', { ...FOLLOWING, forwardedTo: 'leader' }, MISDIRECTED],
  ['a follower without a leader rejects it as well', { ...ALONE, forwardedTo: 'leader' }, MISDIRECTED],
  ['a follower without a leader stands in', ALONE, STAND_IN],
  ['a follower stands in for what another shard sent', { ...ALONE, forwardedTo: 'shard' }, STAND_IN],
  ['a follower only reads if a refresh token would be spent', { ...ALONE, rotates: true }, READER],
  ['a follower stands in for memory only', { ...ALONE, delivery: 'endpoint' }, STAND_IN],
  [
    'nobody answers if memory and refresh token are those of the leader',
    { ...ALONE, rotates: true, delivery: 'endpoint' },
    UNAVAILABLE,
  ],
  ['a leader that is cut off goes on', CUT_OFF, OWNER],
  ['a leader that is cut off answers its followers', { ...CUT_OFF, forwardedTo: 'leader' }, OWNER],
  ['a leader that is cut off spends no refresh token', { ...CUT_OFF, rotates: true }, { ...OWNER, mayRequest: false }],
  ['without an election each replica reads first', UNELECTED, STAND_IN],
  ['without an election the state guards refresh tokens', { ...UNELECTED, rotates: true }, STAND_IN],
  ['without an election nothing is forwarded', { ...UNELECTED, leader: true, forwardedTo: 'leader' }, STAND_IN],
  ['the leader forwards the call to the shard of the token', { ...LEADING, shard: 3 }, TO_SHARD],
  ['a follower forwards it to that shard directly', { ...FOLLOWING, shard: 3 }, TO_SHARD],
  ['a replica that is cut off does so, too', { ...CUT_OFF, shard: 3 }, TO_SHARD],
  ['so does a replica without an election', { ...UNELECTED, shard: 3 }, TO_SHARD],
  ['a replica stands in for a shard that is silent', SILENT, STAND_IN],
  ['it only reads if a refresh token would be spent', { ...SILENT, rotates: true }, READER],
  [
    'nobody answers for the memory of a shard that is silent',
    { ...SILENT, delivery: 'endpoint' },
    { kind: 'unavailable', who: 'shard' },
  ],
  ['a call of another shard is not forwarded twice', { ...LEADING, shard: 3, forwardedTo: 'shard' }, MISDIRECTED],
  ['a call for a leader is not forwarded to a shard', { ...LEADING, shard: 3, forwardedTo: 'leader' }, MISDIRECTED],
];

describe('the place where a call is answered', () => {
  it.each(TABLE)('%s', (_sentence, facts, expected) => {
    expect(decideReissueRoute(facts)).toEqual(expected);
  });

  it('is reached in two steps at most, whatever each replica knows', () => {
    const roles = ['leading', 'following', 'cut-off', 'unelected'] as const;
    const facts = roles.flatMap((role) =>
      [true, false].flatMap((leader) =>
        [0, 3].flatMap((shard) =>
          [true, false].flatMap((rotates) =>
            (['secret', 'endpoint'] as const).map((delivery) => ({
              ...LEADING,
              role,
              leader,
              shard,
              rotates,
              delivery,
            })),
          ),
        ),
      ),
    );
    for (const one of facts) {
      const first = decideReissueRoute(one);
      if (first.kind !== 'forward') continue;
      for (const two of facts) {
        const second = decideReissueRoute({ ...two, forwardedTo: first.to });
        if (second.kind !== 'forward') continue;
        expect([first.to, second.to]).toEqual(['shard', 'leader']);
        for (const three of facts)
          expect(decideReissueRoute({ ...three, forwardedTo: second.to }).kind).not.toBe('forward');
      }
    }
  });
});
