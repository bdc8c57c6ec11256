import { describe, expect, it } from 'vitest';
import { HeldToken } from '../../src/client/held-token.ts';
import type { Token } from '../../src/core/token.ts';
import { failure } from '../support/failure.ts';
import { MINUTE, NOON } from '../support/token-source.ts';
import { buildToken } from '../support/tokens.ts';

const HOUR = 60 * MINUTE;

function holding(token: Token | undefined, now = NOON): HeldToken {
  const held = new HeldToken('dynamics', () => now);
  if (token !== undefined) held.offer(token);
  return held;
}

describe('which token is held', () => {
  const held = { issuedAt: NOON, expiresAt: NOON + HOUR, generation: 7 };
  it.each<[string, { before: Partial<Token>; offered: Partial<Token>; taken: boolean }]>([
    ['the one issued later', { before: held, offered: { ...held, issuedAt: NOON + 1 }, taken: true }],
    ['not one issued earlier', { before: held, offered: { ...held, issuedAt: NOON - 1, generation: 8 }, taken: false }],
    ['of two issued at once the later generation', { before: held, offered: { ...held, generation: 8 }, taken: true }],
    ['not the earlier generation', { before: held, offered: { ...held, generation: 6 }, taken: false }],
    ['the one it has, where they are equal', { before: held, offered: held, taken: false }],
    [
      'a live one rather than an expired one that was issued later',
      {
        before: { issuedAt: NOON - 10, expiresAt: NOON - 1 },
        offered: { issuedAt: NOON - 20, expiresAt: NOON + 1 },
        taken: true,
      },
    ],
    [
      'not an expired one, though it was issued later',
      {
        before: { issuedAt: NOON - 20, expiresAt: NOON + 1 },
        offered: { issuedAt: NOON - 10, expiresAt: NOON },
        taken: false,
      },
    ],
  ])('%s', (_, { before, offered, taken }) => {
    const [first, second] = [buildToken(before), buildToken(offered)];
    const token = holding(first);
    token.offer(second);
    expect(token.last?.sha256).toBe(taken ? second.sha256 : first.sha256);
  });

  it('an expired one where there is no other, but it is not live', () => {
    const token = holding(buildToken({ issuedAt: NOON - HOUR, expiresAt: NOON }));
    expect(token.last).toBeDefined();
    expect(token.live()).toBeUndefined();
  });
});

describe('what the token-acquirer gave for a rejected token', () => {
  const rejected = buildToken({ issuedAt: NOON });
  const older = buildToken({ issuedAt: NOON - MINUTE, expiresAt: NOON + HOUR });

  it('is held though its clock says that it is older', () => {
    const held = holding(rejected);
    held.acceptInstead(rejected.sha256, older);
    expect(held.live()?.sha256).toBe(older.sha256);
  });

  it('is not driven out by the rejected one, which the volume still has', () => {
    const held = holding(rejected);
    held.acceptInstead(rejected.sha256, older);
    held.offer(rejected);
    expect(held.live()?.sha256).toBe(older.sha256);
  });

  it('gives way to the next one', () => {
    const held = holding(rejected);
    const next = buildToken({ issuedAt: NOON + MINUTE });
    held.acceptInstead(rejected.sha256, older);
    held.offer(next);
    expect(held.live()?.sha256).toBe(next.sha256);
  });

  it('does not drive out a newer one that came meanwhile', () => {
    const held = holding(rejected);
    const next = buildToken({ issuedAt: NOON + MINUTE });
    held.offer(next);
    held.acceptInstead(rejected.sha256, older);
    expect(held.live()?.sha256).toBe(next.sha256);
  });
});

describe('who waits', () => {
  it('has at once what is there', async () => {
    const token = buildToken();
    expect((await holding(token).next(undefined)).sha256).toBe(token.sha256);
  });

  it('has the next one that is not the rejected one', async () => {
    const [first, second] = [buildToken({ issuedAt: NOON }), buildToken({ issuedAt: NOON + 1 })];
    const held = holding(first);
    const waiting = held.next(first.sha256);
    held.offer(first);
    held.offer(second);
    expect((await waiting).sha256).toBe(second.sha256);
  });

  it('is not given an expired one', async () => {
    const held = holding(undefined);
    const waiting = held.next(undefined);
    held.offer(buildToken({ issuedAt: NOON - HOUR, expiresAt: NOON }));
    const live = buildToken({ issuedAt: NOON });
    held.offer(live);
    expect((await waiting).sha256).toBe(live.sha256);
  });

  it('fails with the reason of the signal', async () => {
    const stop = new AbortController();
    const waiting = failure(holding(undefined).next(undefined, stop.signal));
    stop.abort(new Error('Enough.'));
    expect(await waiting).toMatchObject({ message: 'Enough.' });
    expect(await failure(holding(undefined).next(undefined, stop.signal))).toMatchObject({ message: 'Enough.' });
  });

  it('fails once the source is closed', async () => {
    const held = holding(undefined);
    const waiting = failure(held.next(undefined));
    held.close();
    expect(await waiting).toMatchObject({ name: 'TokenNotYetAvailable' });
    expect(await failure(held.next(undefined))).toMatchObject({ message: 'The source of token dynamics is closed.' });
  });
});
