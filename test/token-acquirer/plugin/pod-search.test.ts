import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/core/errors.ts';
import type { AcquirerPod } from '../../../src/token-acquirer/plugin/cluster-view.ts';
import { namespaceOfAcquirer } from '../../../src/token-acquirer/plugin/namespace-of-acquirer.ts';
import { findPods } from '../../../src/token-acquirer/plugin/pod-search.ts';
import { failure } from '../../support/failure.ts';
import { acquirerPod } from '../../support/status-reports.ts';

const ALL = '*';
const DENIED = new StoreError('Ann may not list pods in all namespaces (403).', { permanent: true });
const AWAY = new StoreError('The API server cannot be reached.');
const SCOPE = { selector: 'app=a', everywhere: false };
const USUAL = ['token-acquirer', 'billing'];
const ONE = acquirerPod('one');

/** Lists by namespace; what is not listed is denied. */
function lists(answers: Readonly<Record<string, readonly AcquirerPod[] | Error>>) {
  return async (_selector: string, namespace = ALL): Promise<readonly AcquirerPod[]> => {
    const answer = answers[namespace] ?? DENIED;
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

describe('the search for pods', () => {
  it('is in all namespaces', async () => {
    expect(await findPods(SCOPE, USUAL, lists({ [ALL]: [ONE] }))).toEqual({ pods: [ONE] });
  });

  it('is in the namespace that was named, and in no other', async () => {
    const list = lists({ other: [ONE], [ALL]: [] });
    expect(await findPods({ ...SCOPE, namespace: 'other' }, USUAL, list)).toEqual({ pods: [ONE] });
    expect(await failure(findPods({ ...SCOPE, namespace: 'third' }, USUAL, list))).toBe(DENIED);
  });

  it('is by the labels of the scope', async () => {
    const asked: string[] = [];
    await findPods(SCOPE, USUAL, async (selector) => {
      asked.push(selector);
      return [];
    });
    expect(asked).toEqual(['app=a']);
  });

  it.each<[what: string, answers: Readonly<Record<string, readonly AcquirerPod[]>>, limit: string]>([
    [
      'those of the usual namespaces',
      { 'token-acquirer': [ONE], billing: [] },
      'the namespaces token-acquirer and billing',
    ],
    ['the one that may be listed', { 'token-acquirer': [ONE] }, 'the namespace token-acquirer'],
  ])('falls back to %s', async (_what, answers, limit) => {
    expect(await findPods(SCOPE, USUAL, lists(answers))).toEqual({
      pods: [ONE],
      limit: `You may not list the pods of all namespaces, so the search was limited to ${limit}. Name another one with -n.`,
    });
  });

  it.each<[what: string, everywhere: boolean, answer: Error]>([
    ['the API server is unavailable', false, AWAY],
    ['the user asked for all namespaces', true, DENIED],
  ])('does not fall back if %s', async (_what, everywhere, answer) => {
    const list = lists({ [ALL]: answer, 'token-acquirer': [ONE] });
    expect(await failure(findPods({ ...SCOPE, everywhere }, USUAL, list))).toBe(answer);
  });

  it('says what to do if nothing may be listed', async () => {
    expect(await failure(findPods(SCOPE, USUAL, lists({})))).toMatchObject({
      permanent: true,
      message: `${DENIED.message} Or name the namespace of the token-acquirer with -n, if you may list its pods.`,
    });
  });
});

describe('the namespace of the token-acquirer', () => {
  it('is that of all its pods', () => {
    expect(namespaceOfAcquirer({ pods: [ONE, acquirerPod('two')] })).toBe('token-acquirer');
  });

  it('has to be named if there are several', () => {
    const pods = [ONE, acquirerPod('two', { namespace: 'other' })];
    expect(() => namespaceOfAcquirer({ pods })).toThrow(
      'Several namespaces have a token-acquirer: other, token-acquirer. Name one with -n.',
    );
  });

  it.each([
    [undefined, 'No token-acquirer was found. Name its namespace with -n.'],
    ['Limited.', 'No token-acquirer was found. Name its namespace with -n. Limited.'],
  ])('has to be named if there is none', async (limit, message) => {
    expect(() => namespaceOfAcquirer({ pods: [], limit })).toThrow(message);
  });
});
