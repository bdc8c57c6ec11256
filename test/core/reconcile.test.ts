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
    credentialChanged: false,
    storing: false,
    requesting: false,
    isCutOff: false,
    execution: 'running',
    called: false,
    notBefore: Number.NEGATIVE_INFINITY,
    ...given,
  };
}

type Expected = readonly [kind: Decision['kind'], reason: Decision['reason'], after: number];

describe('a token', () => {
  it.each<[sentence: string, given: Partial<Observation>, expected: Expected]>([
    ['is left while nothing is due', {}, ['requeue', 'NothingDue', LOOK_AGAIN]],
    ['is looked at when it is due', { token: tokenDue(5000, 9000) }, ['requeue', 'NothingDue', 5000]],
    [
      'is looked at one millisecond before it is due',
      { token: tokenDue(1, 9000), notBefore: NOW.monotonic + 500 },
      ['requeue', 'NothingDue', 1],
    ],
    ['is requested if none exists', { token: undefined }, ['request-token', 'TokenDoesNotExist', 0]],
    ['is requested when it is due', { token: DUE }, ['request-token', 'RenewalDue', 0]],
    ['is requested when it has expired', { token: EXPIRED }, ['request-token', 'TokenExpired', 0]],
    [
      'is requested when the configuration wants another one',
      { superseded: true },
      ['request-token', 'TokenSuperseded', 0],
    ],
    ['is not requested twice together', { token: DUE, requesting: true }, ['requeue', 'BeingRequested', LOOK_AGAIN]],
    [
      'is not requested twice together either if none exists',
      { token: undefined, requesting: true },
      ['requeue', 'BeingRequested', LOOK_AGAIN],
    ],
    ['is left while another request brings it early', { requesting: true }, ['requeue', 'NothingDue', LOOK_AGAIN]],
  ])('%s', (_sentence, given, [kind, reason, after]) => {
    expect(reconcile(observation(given))).toMatchObject({ kind, reason, after });
  });

  it.each<[sentence: string, notBefore: number, expected: Expected]>([
    ['is not requested before the pause is over', 700, ['requeue', 'BackingOff', 700]],
    ['is requested at the end of the pause', 0, ['request-token', 'RenewalDue', 0]],
    ['is requested after the pause', -1, ['request-token', 'RenewalDue', 0]],
    ['is looked at during a long pause', 600_000, ['requeue', 'BackingOff', LOOK_AGAIN]],
    ['is looked at while another token tries the server for all', Infinity, ['requeue', 'BackingOff', LOOK_AGAIN]],
  ])('that is due %s', (_sentence, pause, [kind, reason, after]) => {
    const given = { token: DUE, notBefore: NOW.monotonic + pause };
    expect(reconcile(observation(given))).toMatchObject({ kind, reason, after });
  });

  it('waits for the pause also if it has expired, or the configuration wants another one', () => {
    const notBefore = NOW.monotonic + 700;
    for (const given of [{ token: EXPIRED }, { token: undefined }, { superseded: true }]) {
      expect(reconcile(observation({ ...given, notBefore }))).toMatchObject({ reason: 'BackingOff', after: 700 });
    }
  });

  it.each<[sentence: string, given: Partial<Observation>, expected: Expected]>([
    ['is not renewed while it is valid', { token: DUE }, ['requeue', 'BeingStored', LOOK_AGAIN]],
    ['is looked at when it expires', { token: tokenDue(-1000, 4000) }, ['requeue', 'BeingStored', 4000]],
    ['is renewed once it has expired', { token: EXPIRED }, ['request-token', 'TokenExpired', 0]],
    [
      'is replaced if the configuration wants another one',
      { superseded: true },
      ['request-token', 'TokenSuperseded', 0],
    ],
  ])('that is being written %s', (_sentence, given, [kind, reason, after]) => {
    expect(reconcile(observation({ ...given, storing: true }))).toMatchObject({ kind, reason, after });
  });
});

describe('a token whose client app is stopped', () => {
  it.each<[sentence: string, given: Partial<Observation>, after: number]>([
    ['is not requested', { token: DUE }, LOOK_AGAIN],
    ['is not requested if none exists', { token: undefined }, LOOK_AGAIN],
    ['is not requested if it has expired', { token: EXPIRED }, LOOK_AGAIN],
    ['is looked at when it expires, so that its keys are removed', { token: tokenDue(-1000, 4000) }, 4000],
    ['is not requested for another configuration', { superseded: true }, LOOK_AGAIN],
    [
      'is not requested for another credential if none exists',
      { token: undefined, credentialChanged: true },
      LOOK_AGAIN,
    ],
  ])('%s', (_sentence, given, after) => {
    const decision = reconcile(observation({ ...given, execution: 'stopped' }));
    expect(decision).toMatchObject({ kind: 'suspend', reason: 'ClientAppNotRunning', after });
  });

  it.each<[sentence: string, given: Partial<Observation>]>([
    ['is requested after a call of a client', { execution: 'stopped', called: true }],
    [
      'is requested once its credential has changed, because the stored one is still valid',
      { execution: 'stopped', token: FRESH, credentialChanged: true },
    ],
    ['is requested if its state is unknown', { execution: 'unknown' }],
  ])('%s', (_sentence, given) => {
    expect(reconcile(observation({ token: DUE, ...given }))).toMatchObject({ kind: 'request-token' });
  });
});

it('each decision says why in a sentence', () => {
  const observations = [{}, { token: DUE }, { token: DUE, storing: true }, { execution: 'stopped' as const }];
  for (const given of observations) expect(reconcile(observation(given)).because).toMatch(/^[A-Z].*\.$/);
});
