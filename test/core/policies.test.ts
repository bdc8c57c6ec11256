import { describe, expect, it } from 'vitest';
import { firstViolation, type Observation, type Verdict } from '../../src/core/policies.ts';

const NOW = { wall: Date.UTC(2026, 0, 1), monotonic: 1_000_000 };
const at = (after: number) => ({ wall: NOW.wall + after, monotonic: NOW.monotonic + after });
const token = (renewal: number, expiry: number): Observation['token'] => ({
  renewal: at(renewal),
  expiry: at(expiry),
});

describe('the first violation', () => {
  it.each<[sentence: string, given: Partial<Observation>, reason: Verdict['reason'] | undefined]>([
    ['is missing if a token is neither due nor expired', {}, undefined],
    ['is missing one millisecond before the renewal', { token: token(1, 9000) }, undefined],
    ['is the missing token', { token: undefined }, 'TokenDoesNotExist'],
    ['is the expiry at the very moment', { token: token(-9000, 0) }, 'TokenExpired'],
    ['is another configuration', { superseded: true }, 'TokenSuperseded'],
    ['is another credential', { credentialChanged: true }, 'CredentialChanged'],
    [
      'is another credential before the renewal',
      { token: token(-1, 9000), credentialChanged: true },
      'CredentialChanged',
    ],
    ['is the expiry before another credential', { token: token(-2, -1), credentialChanged: true }, 'TokenExpired'],
    [
      'is another credential before another configuration',
      { superseded: true, credentialChanged: true },
      'CredentialChanged',
    ],
    ['is the renewal at the very moment', { token: token(0, 9000) }, 'RenewalDue'],
    ['is the missing token before any other', { token: undefined, superseded: true }, 'TokenDoesNotExist'],
    ['is the expiry before another configuration', { token: token(-2, -1), superseded: true }, 'TokenExpired'],
    ['is the expiry before the renewal', { token: token(-2, -1) }, 'TokenExpired'],
    ['is another configuration before the renewal', { token: token(-1, 9000), superseded: true }, 'TokenSuperseded'],
  ])('%s', (_sentence, given, reason) => {
    const observation: Observation = {
      now: NOW,
      token: token(5000, 9000),
      superseded: false,
      credentialChanged: false,
      storing: false,
      requesting: false,
      isCutOff: false,
      execution: 'running',
      called: false,
      notBefore: Number.NEGATIVE_INFINITY,
      ...given,
    };
    expect(firstViolation(observation)?.reason).toBe(reason);
  });
});
