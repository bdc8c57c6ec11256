import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/core/policies.ts';
import { type Decision, LOOK_AGAIN, reconcile } from '../../src/core/reconcile.ts';

const NOW = { wall: Date.UTC(2026, 0, 1), monotonic: 1_000_000 };
const at = (after: number) => ({ wall: NOW.wall + after, monotonic: NOW.monotonic + after });
const tokenDue = (renewal: number, expiry: number): Observation['token'] => ({
  renewal: at(renewal),
  expiry: at(expiry),
});

const FRESH = tokenDue(600_000, 900_000);
const DUE = tokenDue(-1000, 300_000);
const EXPIRED = tokenDue(-400_000, -1000);

function observation(given: Partial<Observation>): Observation {
  return {
    now: NOW,
    token: FRESH,
    superseded: false,
    storing: false,
    execution: 'running',
    called: false,
    notBefore: Number.NEGATIVE_INFINITY,
    ...given,
  };
}

describe('what to do about a token', () => {
  it.each<[string, Partial<Observation>, Partial<Decision>]>([
    ['waits while nothing is due', {}, { kind: 'requeue', after: LOOK_AGAIN, because: 'NothingDue' }],
    ['looks when it is due', { token: tokenDue(5000, 9000) }, { kind: 'requeue', after: 5000, because: 'NothingDue' }],
    ['requests a first one', { token: undefined }, { kind: 'request-token', reason: 'TokenDoesNotExist' }],
    ['requests one that is due', { token: DUE }, { kind: 'request-token', reason: 'RenewalDue' }],
    ['requests one that expired', { token: EXPIRED }, { kind: 'request-token', reason: 'TokenExpired' }],
    ['requests another one', { superseded: true }, { kind: 'request-token', reason: 'TokenSuperseded' }],
    [
      'backs off',
      { token: DUE, notBefore: NOW.monotonic + 700 },
      { kind: 'requeue', after: 700, because: 'BackingOff' },
    ],
    [
      'renews none that is live and still being written',
      { token: DUE, storing: true },
      { kind: 'requeue', after: LOOK_AGAIN, because: 'BeingStored' },
    ],
    [
      'looks again when the token that is being written expires',
      { token: tokenDue(-1000, 4000), storing: true },
      { kind: 'requeue', after: 4000, because: 'BeingStored' },
    ],
    [
      'renews one that expired while it was being written',
      { token: EXPIRED, storing: true },
      { kind: 'request-token', reason: 'TokenExpired' },
    ],
    [
      'requests another one although the former is being written',
      { superseded: true, storing: true },
      { kind: 'request-token', reason: 'TokenSuperseded' },
    ],
    [
      'suspends where the client app is stopped',
      { token: DUE, execution: 'stopped' },
      { kind: 'suspend', because: 'ClientAppNotRunning', withdraw: false },
    ],
    [
      'goes on where a client called',
      { token: DUE, execution: 'stopped', called: true },
      { kind: 'request-token', reason: 'RenewalDue' },
    ],
    ['withdraws what expired while it is stopped', { token: EXPIRED, execution: 'stopped' }, { withdraw: true }],
  ])('%s', (_sentence, given, decision) => {
    expect(reconcile(observation(given))).toMatchObject(decision);
  });
});
