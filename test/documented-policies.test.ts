import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { codeBlocks } from './support/code-blocks.ts';
import { type Destination, type Labels, mayConnect, type NetworkPolicy, selects } from './support/network-policy.ts';

const ROOT = resolve(import.meta.dirname, '..');
const APPLICATION: Labels = { 'app.kubernetes.io/name': 'billing-app' };
const OTHER: Labels = { 'app.kubernetes.io/name': 'billing-database' };
const inNamespace = (name: string, port: number): Destination => ({
  namespace: { 'kubernetes.io/metadata.name': name },
  pod: {},
  port,
});
const GATEWAY: Destination = { address: '203.0.113.10', port: 443 };

const policies = codeBlocks(ROOT)
  .filter(({ language, text }) => language === 'yaml' && /^kind: NetworkPolicy$/m.test(text))
  .map(({ document, line, text }) => [`${document}:${line}`, parse(text) as NetworkPolicy] as const);

describe.each(policies)('the network policy of %s', (_, policy) => {
  it('selects the pods of the application, and no other pod of the namespace', () => {
    expect([selects(policy, APPLICATION), selects(policy, OTHER)]).toEqual([true, false]);
    expect(mayConnect([policy], OTHER, { address: '198.51.100.1', port: 5432 })).toBe(true);
  });

  it.each<[string, Destination]>([
    ['names', { ...inNamespace('kube-system', 53), protocol: 'UDP' }],
    ['names over TCP', inNamespace('kube-system', 53)],
    ['names on OpenShift', { ...inNamespace('openshift-dns', 5353), protocol: 'UDP' }],
    ['the reissue endpoint', inNamespace('token-acquirer', 8443)],
    ['the gateway', GATEWAY],
  ])('lets the application reach %s', (_what, to) => {
    expect(mayConnect([policy], APPLICATION, to)).toBe(true);
  });

  it.each<[string, Destination]>([
    ['the metrics of token-acquirer', inNamespace('token-acquirer', 9090)],
    ['another host', { address: '198.51.100.1', port: 443 }],
    ['another port of the gateway', { address: '203.0.113.10', port: 22 }],
  ])('does not let the application reach %s', (_what, to) => {
    expect(mayConnect([policy], APPLICATION, to)).toBe(false);
  });
});

describe('a network policy of the documents', () => {
  const [[, sample] = []] = policies;
  const { metadata, spec } = sample as NetworkPolicy;

  it('is checked', () => {
    expect(policies.map(([place]) => place.split(':')[0])).toContain('docs/explain/network-policy.md');
  });

  it('fails the check where it selects every pod', () => {
    const everyPod: NetworkPolicy = { metadata, spec: { ...spec, podSelector: {} } };
    expect(selects(everyPod, OTHER)).toBe(true);
    expect(mayConnect([everyPod], OTHER, { address: '198.51.100.1', port: 5432 })).toBe(false);
  });

  it('fails the check where it forgets the gateway', () => {
    const egress = (spec.egress ?? []).filter(({ to }) => to?.some(({ ipBlock }) => ipBlock) !== true);
    expect(mayConnect([{ metadata, spec: { ...spec, egress } }], APPLICATION, GATEWAY)).toBe(false);
  });
});
