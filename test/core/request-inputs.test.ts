import { describe, expect, it } from 'vitest';
import type { Condition, Conditions, ConditionType } from '../../src/core/conditions.ts';
import { INPUTS, type InputCondition, type InputObservation, inputNews } from '../../src/core/request-inputs.ts';

const FAULT = 'The credential "dynamics" is empty.';

const condition = (type: ConditionType, status: boolean): Condition => ({
  type,
  status,
  reason: status ? 'CredentialComplete' : 'CredentialUnusable',
  message: status ? '' : FAULT,
  since: 0,
});
const conditions = (type: ConditionType, status: boolean): Conditions => ({ [type]: condition(type, status) });

function observe(given: Partial<InputObservation>): InputObservation {
  const nothing = { conditions: {}, told: new Map<InputCondition, string>(), lastError: undefined };
  return { findings: {}, next: 'suspend', ...nothing, ...given };
}

/** Returns the only finding, without the fields that all share. */
function only(given: Partial<InputObservation>): object | undefined {
  const news = inputNews(observe(given)).map(({ input, ...rest }) => ({ condition: input.condition, ...rest }));
  expect(news.length).toBeLessThanOrEqual(1);
  return news[0];
}

const missing = { findings: { CredentialUsable: { fault: FAULT } } };
const fine = { findings: { CredentialUsable: { fault: undefined } } };

describe('the report on the inputs of token requests', () => {
  it('is empty without knowledge', () => {
    expect(only({})).toBeUndefined();
    expect(only({ conditions: conditions('CredentialUsable', false) })).toBeUndefined();
  });

  it('is a complete credential, without an event', () => {
    expect(only(fine)).toMatchObject({ condition: 'CredentialUsable', fault: undefined, isNew: false });
  });

  it('has nothing about a CA file that was never wrong, because most servers have none', () => {
    const findings = { CaUsable: { fault: undefined } };
    expect(only({ findings })).toBeUndefined();
    expect(only({ findings, conditions: conditions('CaUsable', false) })).toMatchObject({ fault: undefined });
  });

  it.each<[string, Partial<InputObservation>, boolean]>([
    ['an event while suspended', { next: 'suspend' }, true],
    ['an event while nothing is due', { next: 'requeue' }, true],
    ['no event before a token request, which reports its failure', { next: 'request-token' }, false],
    ['no event a second time', { told: new Map([['CredentialUsable', FAULT]]) }, false],
    ['an event for another error', { told: new Map([['CredentialUsable', 'It was half as bad.']]) }, true],
    [
      'no event if the last request reported it',
      { lastError: { code: 'credential_unreadable', message: FAULT } },
      false,
    ],
    ['an event if the last request reported another error', { lastError: { code: 'timeout', message: 'x' } }, true],
  ])('is %s', (_sentence, given, isNew) => {
    expect(only({ ...missing, ...given })).toMatchObject({ fault: FAULT, isNew, endsError: false });
  });

  const lastError = { code: 'credential_unreadable', message: FAULT };
  const wasWrong = { ...fine, lastError, conditions: conditions('CredentialUsable', false) };

  it.each<[string, Partial<InputObservation>, boolean]>([
    ['while suspended, if it is of its kind', {}, true],
    ['during a pause after it, so that a file that came ends the pause', { next: 'requeue' }, true],
    ['not before a request, which shows it itself', { next: 'request-token' }, false],
    [
      'not that of a CA file during a pause, which is short',
      {
        findings: { CaUsable: { fault: undefined } },
        lastError: { code: 'unreachable', message: 'x' },
        conditions: conditions('CaUsable', false),
        next: 'requeue',
      },
      false,
    ],
    ['not one of another kind', { lastError: { code: 'invalid_client', message: 'x' } }, false],
    ['not if nothing was wrong before', { conditions: conditions('CredentialUsable', true) }, false],
    ['not while it is still wrong', missing, false],
  ])('ends the last error: %s', (_sentence, given, endsError) => {
    expect(only({ ...wasWrong, ...given })).toMatchObject({ endsError });
  });

  it('has reasons in CamelCase, and different words for each input', () => {
    const words = INPUTS.flatMap(({ healthy, unhealthy, event }) => [healthy, unhealthy, event]);
    expect(new Set(words).size).toBe(words.length);
    for (const { healthy, unhealthy } of INPUTS) expect(`${healthy}${unhealthy}`).toMatch(/^([A-Z][a-z]+){4,}$/);
  });
});
