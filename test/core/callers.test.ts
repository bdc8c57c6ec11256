import { describe, expect, it } from 'vitest';
import { isNeighbor, serviceAccountOf, unknownCallerSentence } from '../../src/core/callers.ts';

const identity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const clients = ['system:serviceaccount:billing:billing-app', 'system:serviceaccount:jobs:report'];

describe('a caller', () => {
  it.each<[string, string, ReturnType<typeof serviceAccountOf>]>([
    [
      'is a ServiceAccount by its name',
      'system:serviceaccount:billing:app.v2',
      { namespace: 'billing', name: 'app.v2' },
    ],
    ['without a cluster is not a ServiceAccount', 'billing-app', undefined],
    ['of a node is not a ServiceAccount', 'system:node:worker', undefined],
    ['of a group is not a ServiceAccount', 'system:serviceaccounts:billing', undefined],
    ['without a name is not a ServiceAccount', 'system:serviceaccount:billing', undefined],
    ['with more in its name is not a ServiceAccount', 'system:serviceaccount:billing:app:x', undefined],
  ])('%s', (_sentence, caller, expected) => {
    expect(serviceAccountOf(caller)).toEqual(expected);
  });

  it.each([
    ['of the namespace of the Secret', 'billing', true],
    ['of the namespace of a client', 'jobs', true],
    ['of another namespace', 'shipping', false],
    ['of a namespace with the same beginning', 'billing-2', false],
  ])('%s is checked as a neighbor', (_sentence, namespace, expected) => {
    expect(isNeighbor({ namespace, name: 'any' }, { identity, clients })).toBe(expected);
  });

  it('is named with a remedy, in an Event of at most the length that the API server accepts', () => {
    const sentence = unknownCallerSentence({ namespace: 'billing', name: 'other-app' });
    expect(sentence).toContain(
      'The ServiceAccount billing/other-app asks for this token, but is not among its clients',
    );
    expect(sentence).toContain('Add { namespace: billing, serviceAccount: other-app } to clients of the token');
    const longest = unknownCallerSentence({ namespace: 'n'.repeat(63), name: 'a'.repeat(253) });
    expect(`Token ${'t'.repeat(63)}: ${longest}`.length).toBeLessThanOrEqual(1024);
  });
});
