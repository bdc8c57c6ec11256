import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { CHART, HELMS, minimal, openChart, type Rendered } from './chart.ts';
import { definitionOf, FOREIGN } from './foreign-kinds.ts';
import { valuesFiles } from './values-files.ts';

describeInCluster('what the chart renders', (cluster: () => TestCluster) => {
  let home: TestNamespace;
  const made: string[] = [];

  beforeAll(async () => {
    home = await cluster().namespace('chart-valid');
    for (const foreign of FOREIGN) {
      const name = `${foreign.plural}.${foreign.group}`;
      const found = await cluster().kubectl(['get', 'crd', name, '--ignore-not-found', '--output=name']);
      if (found === '') made.push(name);
    }
    const definitions = FOREIGN.map(definitionOf).filter(({ metadata }) => made.includes(metadata.name));
    await apply(definitions);
    if (made.length > 0) await cluster().kubectl(['wait', '--for=condition=Established', 'crd', ...made]);
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    if (made.length > 0) await cluster().kubectl(['delete', 'crd', ...made, '--ignore-not-found']);
    await home.remove();
  });

  const apply = (items: readonly object[], ...more: readonly string[]): Promise<string> =>
    items.length === 0
      ? Promise.resolve('')
      : cluster().kubectl(
          [
            'apply',
            '--server-side',
            '--force-conflicts',
            '--validate=strict',
            ...more,
            '--output=name',
            '--filename=-',
          ],
          JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
        );

  /** All in the one namespace that exists, where a pod's ServiceAccount is, too. */
  const placed = (objects: readonly Rendered[]): object[] =>
    objects.map((object) =>
      isWide(object) ? object : { ...object, metadata: { ...object.metadata, namespace: home.name } },
    );

  it.each(HELMS)('is accepted by the API server as %s renders it from each file of values', async (name) => {
    const chart = await openChart(name);
    const all = new Map<string, object>();
    for (const file of valuesFiles()) {
      const values = parse(readFileSync(join(CHART, file), 'utf8'), { merge: true }) as object;
      const objects = await chart.objects(values, { args: ['--api-versions=monitoring.coreos.com/v1'] });
      expect([file, objects.length > 5]).toEqual([file, true]);
      for (const object of placed(objects)) all.set(JSON.stringify(object), object);
    }
    const objects = [...all.values()] as Rendered[];
    const accounts = new Set(objects.flatMap(({ kind, spec }) => (kind === 'Pod' ? [accountOf(spec)] : [])));
    await apply(
      [...accounts].map((account) => ({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: account, namespace: home.name },
      })),
    );
    const accepted = await apply(objects, '--dry-run=server');
    expect(objects.length).toBeGreaterThan(80);
    expect(accepted.trim().split('\n')).toHaveLength(objects.length);
  });

  const wrong = (kind: string, apiVersion: string, rest: object) =>
    minimal({ extraObjects: [{ apiVersion, kind, metadata: { name: 'wrong' }, ...rest }] });
  const OPERATOR = 'monitoring.coreos.com/v1';

  it.each([
    ['a field', wrong('ConfigMap', 'v1', { dta: {} }), /unknown field|field not declared/],
    [
      'a field of a Certificate',
      wrong('Certificate', 'cert-manager.io/v1', { spec: { secretName: 'a', issuerRef: { name: 'a' }, dnsName: 'a' } }),
      /unknown field.*dnsName|dnsName.*not declared/,
    ],
    [
      'a field of a ServiceMonitor',
      wrong('ServiceMonitor', OPERATOR, { spec: { selector: {}, endpoints: [{ prt: 'status' }] } }),
      /unknown field.*prt|prt.*not declared/,
    ],
    [
      'a unit of a PrometheusRule',
      wrong('PrometheusRule', OPERATOR, { spec: { groups: [{ name: 'a', rules: [{ expr: 'up', for: '5min' }] }] } }),
      /spec\.groups\[0\]\.rules\[0\]\.for/,
    ],
  ])('would not be if %s were misspelt', async (_, values, told) => {
    const chart = await openChart('helm 4');
    const objects = await chart.objects(values);
    await expect(apply(placed(objects), '--dry-run=server')).rejects.toThrow(told);
  });
});

const WIDE = /^(?:Cluster|ValidatingAdmissionPolicy)/;

function isWide({ kind }: Rendered): boolean {
  return WIDE.test(kind);
}

function accountOf(spec: unknown): string {
  return (spec as { serviceAccountName?: string }).serviceAccountName ?? 'default';
}
