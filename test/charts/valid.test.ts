import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { CHART, HELMS, openChart, type Rendered } from './chart.ts';
import { valuesFiles } from './values-files.ts';

/** Kinds that no cluster has by itself: known here by name alone, so that of their fields nothing is checked. */
const FOREIGN = [
  { group: 'cert-manager.io', version: 'v1', kind: 'Certificate', plural: 'certificates' },
  { group: 'monitoring.coreos.com', version: 'v1', kind: 'ServiceMonitor', plural: 'servicemonitors' },
  { group: 'monitoring.coreos.com', version: 'v1', kind: 'PrometheusRule', plural: 'prometheusrules' },
] as const;

describeInCluster('what the chart renders', (cluster: () => TestCluster) => {
  let home: TestNamespace;
  const made: string[] = [];

  beforeAll(async () => {
    home = await cluster().namespace('chart-valid');
    for (const foreign of FOREIGN) {
      const name = `${foreign.plural}.${foreign.group}`;
      const there = await cluster().kubectl(['get', 'crd', name, '--ignore-not-found', '--output=name']);
      if (there === '') made.push(name);
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

  /** All in the one namespace that is there, where a pod's ServiceAccount is, too. */
  const placed = (objects: readonly Rendered[]): object[] =>
    objects.map((object) =>
      isWide(object) ? object : { ...object, metadata: { ...object.metadata, namespace: home.name } },
    );

  it.each(HELMS)('by %s from each file of values is accepted by the API server', async (name) => {
    const chart = await openChart(name);
    const all = new Map<string, object>();
    for (const file of valuesFiles()) {
      const values = parse(readFileSync(join(CHART, file), 'utf8'), { merge: true }) as object;
      const objects = await chart.objects(values, { args: ['--api-versions=monitoring.coreos.com/v1'] });
      expect(objects.length, file).toBeGreaterThan(5);
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

  it('would not be if a field were misspelt', async () => {
    const chart = await openChart('helm 4');
    const objects = await chart.objects({
      image: { repository: 'a' },
      extraObjects: ['{ apiVersion: v1, kind: ConfigMap, metadata: { name: a }, dta: {} }'],
    });
    await expect(apply(placed(objects), '--dry-run=server')).rejects.toThrow(/unknown field|field not declared/);
  });
});

const WIDE = /^(?:Cluster|ValidatingAdmissionPolicy)/;

function isWide({ kind }: Rendered): boolean {
  return WIDE.test(kind);
}

function accountOf(spec: unknown): string {
  return (spec as { serviceAccountName?: string }).serviceAccountName ?? 'default';
}

function definitionOf({ group, version, kind, plural }: (typeof FOREIGN)[number]) {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    metadata: { name: `${plural}.${group}` },
    spec: {
      ...{ group, scope: 'Namespaced', names: { kind, plural, singular: kind.toLowerCase() } },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
}
