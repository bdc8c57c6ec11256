import { describe, expect, it } from 'vitest';
import {
  blockingPolicies,
  type End,
  type LabelSelector,
  matches,
  type NetworkPolicyFacts,
  type PolicyQuestion,
} from '../../../src/core/doctor/network-policies.ts';

const LABELS = { app: 'billing', tier: 'web' };
const OTHER: End = { namespace: 'shop', namespaceLabels: { team: 'shop' }, labels: { app: 'shop' } };

describe('a label selector', () => {
  it.each<[string, LabelSelector, boolean]>([
    ['an empty one', {}, true],
    ['its label', { matchLabels: { app: 'billing' } }, true],
    ['another value', { matchLabels: { app: 'shop' } }, false],
    ['one of the values', { matchExpressions: [{ key: 'app', operator: 'In', values: ['shop', 'billing'] }] }, true],
    ['none of the values', { matchExpressions: [{ key: 'app', operator: 'In', values: ['shop'] }] }, false],
    ['no such value', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['shop'] }] }, true],
    ['a value that is excluded', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['billing'] }] }, false],
    ['a label that exists', { matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, true],
    ['a label that is missing', { matchExpressions: [{ key: 'zone', operator: 'Exists' }] }, false],
    ['a label that must be missing', { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, true],
    [
      'all but one condition',
      { matchLabels: { app: 'billing' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
      false,
    ],
  ])('is judged by %s', (_what, selector, expected) => {
    expect(matches(selector, LABELS)).toBe(expected);
  });
});

describe('the policies that block', () => {
  const asking = (question: Partial<PolicyQuestion> = {}): PolicyQuestion => ({
    direction: 'Egress',
    labels: LABELS,
    namespace: 'billing',
    other: OTHER,
    ports: ['https', 8443],
    ...question,
  });
  const policy = (difference: Partial<NetworkPolicyFacts>): NetworkPolicyFacts => ({
    name: 'p',
    podSelector: {},
    policyTypes: ['Egress'],
    ...difference,
  });
  const leaving = (...egress: NonNullable<NetworkPolicyFacts['egress']>): NetworkPolicyFacts => policy({ egress });

  it.each<[string, NetworkPolicyFacts]>([
    ['of another direction', policy({ policyTypes: ['Ingress'] })],
    ['of other pods', policy({ podSelector: { matchLabels: { app: 'shop' } } })],
    ['that by default is only for the way in', { name: 'p' }],
    ['with an empty rule', leaving({})],
    ['with any address at the port', leaving({ ports: [{ port: 8443 }] })],
    ['with a range of ports', leaving({ ports: [{ port: 8000, endPort: 9000 }] })],
    ['with the port by its name', leaving({ ports: [{ port: 'https' }] })],
    ['with any port of a protocol', leaving({ ports: [{ protocol: 'TCP' }] })],
    ['with a block of addresses', leaving({ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] })],
    [
      'with the namespace of the other pod',
      leaving({ to: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }] }),
    ],
    [
      'with the other pod in its namespace',
      leaving({ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'shop' } } }] }),
    ],
  ])('are not those %s', (_what, given) => {
    expect(blockingPolicies([given], asking())).toEqual([]);
  });

  it.each<[string, NetworkPolicyFacts]>([
    ['without a rule', policy({})],
    ['that by default are for both ways, with rules for the way out', { name: 'p', egress: [] }],
    ['with another port', leaving({ ports: [{ port: 443 }] })],
    ['with another range', leaving({ ports: [{ port: 1, endPort: 443 }] })],
    ['with pods of the own namespace', leaving({ to: [{ podSelector: { matchLabels: { app: 'shop' } } }] })],
    ['with another namespace', leaving({ to: [{ namespaceSelector: { matchLabels: { team: 'x' } } }] })],
    ['with other pods there', leaving({ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'x' } } }] })],
  ])('are those %s', (_what, given) => {
    expect(blockingPolicies([given], asking())).toEqual(['p']);
  });

  it('are none where one of several allows it', () => {
    expect(blockingPolicies([policy({}), leaving({})], asking())).toEqual([]);
  });

  it('are those with pods only, for an address outside', () => {
    const question = asking({ other: 'outside' });
    expect(blockingPolicies([leaving({ to: [{ namespaceSelector: {} }] })], question)).toEqual(['p']);
    expect(blockingPolicies([leaving({ to: [{ ipBlock: {} }] })], question)).toEqual([]);
  });

  it('are none where a rule names anything at the port, and the other end is unknown', () => {
    const dns = { namespaceSelector: { matchLabels: { name: 'dns' } }, podSelector: { matchLabels: { app: 'dns' } } };
    const question = asking({ other: 'anything', ports: [53] });
    expect(blockingPolicies([leaving({ to: [dns], ports: [{ port: 53 }] })], question)).toEqual([]);
    expect(blockingPolicies([leaving({ to: [dns], ports: [{ port: 54 }] })], question)).toEqual(['p']);
  });

  it('are judged by the namespace where the other pod is unknown', () => {
    const question = asking({ other: { namespace: 'kube-system', namespaceLabels: { 'k8s-app': 'x' } }, ports: [] });
    const dns = {
      namespaceSelector: { matchLabels: { 'k8s-app': 'x' } },
      podSelector: { matchLabels: { app: 'dns' } },
    };
    expect(blockingPolicies([leaving({ to: [dns], ports: [{ port: 53 }] })], question)).toEqual([]);
  });

  it('count rules for the way in by themselves', () => {
    const both = policy({ policyTypes: ['Ingress', 'Egress'], ingress: [{ from: [{ namespaceSelector: {} }] }] });
    expect(blockingPolicies([both], asking({ direction: 'Ingress' }))).toEqual([]);
    expect(blockingPolicies([both], asking())).toEqual(['p']);
  });
});
