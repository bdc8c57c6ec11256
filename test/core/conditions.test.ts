import { describe, expect, it } from 'vitest';
import {
  type Condition,
  type Conditions,
  clientConditions,
  unhealthyAmong,
  WITHDRAWN,
  withCondition,
  withoutCondition,
} from '../../src/core/conditions.ts';

const NOW = Date.UTC(2026, 0, 1);

function condition(given: Partial<Condition> = {}): Condition {
  return { type: 'Stored', status: true, reason: 'Stored', message: 'The store holds it.', since: NOW, ...given };
}

const SUSPENDED = condition({ type: 'Suspended', status: true, reason: 'ClientAppNotRunning' });
const RUNNING = condition({ type: 'Suspended', status: false, reason: 'ClientAppRunning' });
const NOT_READY = condition({ type: 'Ready', status: false, reason: 'TokenExpired' });
const REMOVED = condition({ status: false, reason: WITHDRAWN });
const UNAVAILABLE = condition({ status: false, reason: 'StoreUnavailable' });
const NOT_RENEWED = condition({ type: 'Renewed', status: false, reason: 'InvalidClient' });

describe('the conditions that need attention', () => {
  it.each<[sentence: string, conditions: readonly Condition[], unhealthy: readonly Condition[]]>([
    ['are none where all are healthy', [condition(), RUNNING], []],
    ['are those that are false', [condition(), UNAVAILABLE, NOT_RENEWED], [UNAVAILABLE, NOT_RENEWED]],
    ['do not include that the token is not suspended', [RUNNING], []],
    ['do not include that it is suspended', [SUSPENDED], []],
    ['include a token that expired while the client app runs', [RUNNING, NOT_READY], [NOT_READY]],
    ['do not include a token that expired while suspended', [SUSPENDED, NOT_READY], []],
    ['do not include keys that were removed while suspended', [SUSPENDED, REMOVED], []],
    ['include keys that were removed while the client app runs', [RUNNING, REMOVED], [REMOVED]],
    ['include a store that is unavailable while suspended', [SUSPENDED, UNAVAILABLE], [UNAVAILABLE]],
    ['include a rejected credential while suspended', [SUSPENDED, NOT_RENEWED], [NOT_RENEWED]],
    ['include all of these without a condition about a suspension', [NOT_READY, REMOVED], [NOT_READY, REMOVED]],
  ])('%s', (_sentence, conditions, unhealthy) => {
    expect(unhealthyAmong(conditions)).toEqual(unhealthy);
  });
});

describe('the conditions that a client may see', () => {
  it('are those of its app, its pods and their volumes', () => {
    const types = ['ExecutionStateKnown', 'SelectorMatches', 'PodsFollow', 'VolumeFollowsInTime'] as const;
    const own = Object.fromEntries(types.map((type) => [type, condition({ type })]));
    const conditions: Conditions = { Ready: NOT_READY, Stored: condition(), Renewed: NOT_RENEWED, ...own };
    expect(clientConditions(conditions).map(({ type }) => type)).toEqual(types);
  });
});

describe('a condition that is set', () => {
  const before: Conditions = { Stored: condition({ since: NOW - 1000 }) };
  const set = (given: Partial<Condition>): Conditions => {
    const { since: _, ...next } = condition(given);
    return withCondition(before, next, NOW);
  };

  it('begins now the first time', () => {
    const { since: _, ...next } = condition();
    expect(withCondition({}, next, NOW)).toEqual({ Stored: condition({ since: NOW }) });
  });

  it('returns the same object without a change', () => {
    expect(set({})).toBe(before);
  });

  it.each<[sentence: string, given: Partial<Condition>, since: number]>([
    ['keeps its beginning with another message', { message: 'Another sentence.' }, NOW - 1000],
    ['keeps its beginning with another reason', { reason: 'Disputed' }, NOW - 1000],
    ['begins now with another status', { status: false }, NOW],
  ])('%s', (_sentence, given, since) => {
    expect(set(given)).toEqual({ Stored: condition({ ...given, since }) });
    expect(before).toEqual({ Stored: condition({ since: NOW - 1000 }) });
  });

  it('does not change the others', () => {
    const { since: _, ...next } = condition({ type: 'Ready' });
    expect(withCondition(before, next, NOW)['Stored']).toBe(before['Stored']);
  });
});

describe('a removed condition', () => {
  it('is missing afterwards, and the others stay', () => {
    const before: Conditions = { Stored: condition(), Ready: NOT_READY };
    expect(withoutCondition(before, 'Ready')).toEqual({ Stored: condition() });
    expect(before['Ready']).toBe(NOT_READY);
  });

  it('returns the same object if it was not set', () => {
    const before: Conditions = { Stored: condition() };
    expect(withoutCondition(before, 'Ready')).toBe(before);
  });
});
