import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Progress, type TokenErrorCode, TokenRequestError } from '../../src/core/errors.ts';
import {
  type Contact,
  contactOf,
  followAfter,
  isUnavailable,
  nextProber,
  probePause,
  type Waiter,
} from '../../src/core/outage.ts';

const NOW = 1_000_000;

describe('an authorization server', () => {
  it.each([
    [0, false],
    [2, false],
    [3, true],
    [40, true],
  ])('is, after %d connection failures in a row, unavailable: %s', (failures, unavailable) => {
    expect(isUnavailable(failures)).toBe(unavailable);
  });

  it.each<[TokenErrorCode, Progress, Contact]>([
    ['unreachable', 'not-sent', 'unreached'],
    ['unreachable', 'unknown', 'unreached'],
    ['timeout', 'unknown', 'unreached'],
    ['server_error', 'answered', 'reached'],
    ['invalid_client', 'answered', 'reached'],
    ['invalid_response', 'unknown', 'reached'],
    ['same_token', 'answered', 'reached'],
    ['credential_unreadable', 'not-sent', 'not-asked'],
    ['chain_elsewhere', 'not-sent', 'not-asked'],
    ['state_busy', 'not-sent', 'not-asked'],
    ['state_unavailable', 'not-sent', 'not-asked'],
    ['state_unavailable', 'answered', 'reached'],
    ['refused_address', 'not-sent', 'not-asked'],
  ])('counts, after %s (%s), as %s', (code, progress, contact) => {
    expect(contactOf(new TokenRequestError(code, 'It failed.', { progress }))).toBe(contact);
  });

  it('counts as reached after a token', () => {
    expect(contactOf(undefined)).toBe('reached');
  });
});

describe('the token that tries next for all', () => {
  const waiter = (given: Partial<Waiter> = {}): Waiter => ({
    urgency: 100,
    lifetime: 3_600_000,
    rotates: false,
    seenAt: NOW,
    probedAt: undefined,
    ...given,
  });

  it.each<[string, Waiter[], number | undefined]>([
    ['is missing if none waits', [], undefined],
    ['is the one that expires soonest', [waiter(), waiter({ urgency: 50 }), waiter({ urgency: 70 })], 1],
    ['is not the one that tried last', [waiter({ urgency: 1, probedAt: NOW - 5 }), waiter()], 1],
    ['is the one that tried longest ago', [waiter({ probedAt: NOW - 5 }), waiter({ probedAt: NOW - 50 })], 1],
    ['spends no refresh token if another can try', [waiter({ urgency: 1, rotates: true }), waiter()], 1],
    ['may spend a refresh token', [waiter({ rotates: true })], 0],
    ['is one that still waits', [waiter({ urgency: 1, seenAt: NOW - 36_000 }), waiter()], 1],
  ])('%s', (_sentence, waiters, place) => {
    expect(nextProber(waiters, NOW)).toBe(place === undefined ? undefined : waiters[place]);
  });
});

describe('the pause between two tries for all', () => {
  it.each([
    ['grows from the third failure', 0, 3_600_000, 2000],
    ['doubles', 1, 3_600_000, 4000],
    ['is 30 s at most', 100, 3_600_000, 30_000],
    ['is 2 % of a short lifetime at most', 100, 300_000, 6000],
    ['is 2 s at most for a life of seconds', 100, 3000, 2000],
  ])('%s', (_sentence, probes, lifetime, longest) => {
    expect(probePause(probes, lifetime, 1)).toBe(longest);
    expect(probePause(probes, lifetime, 0)).toBe(1000);
  });
});

describe('the tokens that follow', () => {
  it.each([
    ['the first ones together', 0, 500, 0],
    ['the twentieth with them', 19, 500, 0],
    ['the next ones half a second later', 20, 500, 500],
    ['the last of 500 within 12 s', 499, 500, 12_000],
    ['the last of two with the first', 1, 2, 0],
  ])('are %s', (_sentence, place, waiters, after) => {
    expect(followAfter(place, waiters)).toBe(after);
  });

  it('all send their requests within 30 s, however many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (waiters) => {
        expect(followAfter(waiters - 1, waiters)).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});
