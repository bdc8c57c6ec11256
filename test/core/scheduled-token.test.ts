import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import type { RenewalRule } from '../../src/core/renewal.ts';
import {
  adopted,
  type Draw,
  held,
  isExpired,
  isOfOtherCredential,
  proven,
  remainingOf,
  rescheduled,
} from '../../src/core/scheduled-token.ts';
import { sha256 } from '../../src/core/token.ts';
import { buildToken } from '../support/tokens.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const NOW = { wall: Date.UTC(2026, 0, 1, 12), monotonic: 5_000_000 };
const at = (after: number) => ({ wall: NOW.wall + after, monotonic: NOW.monotonic + after });
const RULE: RenewalRule = { at: 0.5 };
const draw = (given: Partial<Draw> = {}): Draw => ({ rule: RULE, jitter: 0, requested: 'one', ...given });
const answer = { accessToken: new Redacted('of-the-answer'), scope: 'api', lifetime: 60 * MINUTE, sentAt: NOW };

describe('an issued token', () => {
  it('has its times from the moment of the request, on both clocks', () => {
    const { token, deadlines, issued } = held(undefined, answer, draw());
    expect(token).toMatchObject({
      tokenType: 'Bearer',
      scope: 'api',
      issuedAt: NOW.wall,
      renewAt: NOW.wall + 30 * MINUTE,
      expiresAt: NOW.wall + 60 * MINUTE,
      sha256: sha256('of-the-answer'),
      previousSha256: [],
      generation: NOW.wall / SECOND,
    });
    expect(issued).toBe(NOW);
    expect(deadlines).toEqual({ renewal: at(30 * MINUTE), expiry: at(60 * MINUTE) });
  });

  it('is renewed earlier by its jitter', () => {
    expect(held(undefined, answer, draw({ jitter: 1 })).deadlines.renewal).toEqual(at(28.5 * MINUTE));
  });

  it('names the tokens before it, and has a higher generation', () => {
    const before = buildToken({ generation: NOW.wall, previousSha256: ['a', 'b', 'c'] });
    expect(held(before, answer, draw()).token).toMatchObject({
      previousSha256: [before.sha256, 'a', 'b'],
      generation: NOW.wall + 1,
    });
  });

  it('remembers what it was requested with', () => {
    expect(held(undefined, answer, draw({ requested: 'another' })).requested).toBe('another');
  });
});

describe('the credential of a token', () => {
  const issued = held(undefined, answer, draw({ proof: 'first' }));
  const unknown = held(undefined, answer, draw());

  it('is another one once its values have changed', () => {
    expect(isOfOtherCredential(issued, 'first')).toBe(false);
    expect(isOfOtherCredential(issued, 'second')).toBe(true);
  });

  it('is not another one while the current one, or its own, is not known', () => {
    expect(isOfOtherCredential(issued, undefined)).toBe(false);
    expect(isOfOtherCredential(unknown, 'second')).toBe(false);
  });

  it('is taken to be the current one where it is not known', () => {
    const assumed = proven(unknown, 'first');
    expect(isOfOtherCredential(assumed, 'first')).toBe(false);
    expect(isOfOtherCredential(assumed, 'second')).toBe(true);
    expect(proven(issued, 'second')).toBe(issued);
    expect(proven(unknown, undefined)).toBe(unknown);
  });
});

describe('an adopted token', () => {
  const token = buildToken({ issuedAt: NOW.wall, renewAt: NOW.wall + 29 * MINUTE, expiresAt: NOW.wall + 60 * MINUTE });
  const adopt = (given: Partial<Draw> = {}, now = at(10 * MINUTE), asIs = false) =>
    adopted(token, draw({ jitter: 0.9, ...given }), now, { asIs });

  it('is the stored one, with its deadlines', () => {
    const scheduled = adopt();
    expect(scheduled.token).toBe(token);
    expect(scheduled.deadlines).toEqual({ renewal: at(29 * MINUTE), expiry: at(60 * MINUTE) });
  });

  it('keeps its jitter', () => {
    expect(adopt().jitter).toBeCloseTo(2 / 3);
    expect(rescheduled(adopt(), RULE)).toMatchObject({ token: { renewAt: token.renewAt } });
  });

  it('gets a jitter if its time of renewal does not follow from the rule', () => {
    const rule = { interval: 10 * MINUTE };
    expect(adopt({ rule })).toMatchObject({ jitter: 0.9, followed: undefined });
    expect(rescheduled(adopt({ rule }), rule).token.renewAt).toBe(NOW.wall + 10 * MINUTE - 0.9 * 0.5 * MINUTE);
  });

  it('stays unchanged if another token-acquirer may follow another rule', () => {
    const rule = { interval: 10 * MINUTE };
    const scheduled = adopt({ rule }, NOW, true);
    expect(rescheduled(scheduled, rule)).toBe(scheduled);
  });

  it('begins its lifetime now if it comes from the future', () => {
    expect(adopt({}, at(-24 * 60 * MINUTE)).issued).toEqual({
      wall: NOW.wall,
      monotonic: NOW.monotonic - 24 * 60 * MINUTE,
    });
  });
});

describe('a token whose rule changed', () => {
  const before = held(undefined, answer, draw({ jitter: 1 }));

  it('is another value if the time of renewal changes, with the same jitter', () => {
    const next = rescheduled(before, { interval: 10 * MINUTE });
    expect(next.token).toMatchObject({ renewAt: NOW.wall + 9.5 * MINUTE, generation: before.token.generation });
    expect(next.deadlines).toEqual({ renewal: at(9.5 * MINUTE), expiry: at(60 * MINUTE) });
    expect(before.token.renewAt).toBe(NOW.wall + 28.5 * MINUTE);
  });

  it('is the same value if the rule is the same', () => {
    expect(rescheduled(before, { at: 0.5 })).toBe(before);
  });

  it.each([
    [30 * MINUTE, true],
    [30 * MINUTE + 2, true],
    [30 * MINUTE + 4, false],
    [30 * MINUTE - 4, false],
  ])('keeps its token if the time of renewal differs by rounding: %i', (interval, isSame) => {
    const next = rescheduled(before, { interval });
    expect(next.token === before.token).toBe(isSame);
    expect(next.followed).toEqual({ interval });
  });
});

describe('the rest of the lifetime of a token', () => {
  const scheduled = held(undefined, answer, draw());

  it('counts to its expiry', () => {
    expect(remainingOf(scheduled, at(59 * MINUTE))).toBe(MINUTE);
    expect(isExpired(scheduled, at(60 * MINUTE - 1))).toBe(false);
    expect(isExpired(scheduled, at(60 * MINUTE))).toBe(true);
  });

  it('is zero without a token', () => {
    expect(remainingOf(undefined, NOW)).toBe(0);
  });
});
