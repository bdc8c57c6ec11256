import { describe, expect } from 'vitest';
import { find, minimal, openChart, RELEASE, type Rendered } from '../../charts/chart.ts';
import { realParts } from '../../real/real-parts.ts';
import { row } from '../row.ts';

const EVERYTHING = minimal({ networkPolicy: { enabled: true } }, { propagation: { nudge: true, watch: true } });

/** One permission per line: `kind namespace group/resource/name verb`. */
function permissionsIn(objects: readonly Rendered[]): string[] {
  return objects.flatMap(({ kind, metadata, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources = [], resourceNames = ['*'], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          resourceNames.flatMap((name) =>
            verbs.map(
              (verb) => `${kind} ${metadata.namespace ?? RELEASE.namespace} ${group}/${resource}/${name} ${verb}`,
            ),
          ),
        ),
      ),
    ),
  );
}

interface PolicyRule {
  readonly from?: readonly object[];
  readonly to?: readonly object[];
  readonly ports?: readonly { readonly port: number | string }[];
}

interface PolicySpec {
  readonly podSelector: object;
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly PolicyRule[];
  readonly egress?: readonly PolicyRule[];
}

describe('the rendered chart', () => {
  const chart = realParts(() => openChart('helm 4'));

  row('A18', async (run) => {
    run.hasNoCalls();
    const permissions = permissionsIn(await chart().objects(EVERYTHING));
    expect(permissions.length).toBeGreaterThan(10);
    const secrets = permissions.filter((one) => one.includes(' /secrets/'));
    expect(secrets.length).toBeGreaterThan(3);
    for (const one of permissions) expect(one).not.toMatch(/ \*$| \*\/|\/\*\/|escalate|bind|impersonate/);
    // Secrets by their names only, and only verbs that a name bounds. The API server knows no name at list and create.
    for (const one of secrets) expect(one).toMatch(/^Role \S+ \/secrets\/[a-z0-9-]+ (?:get|patch|watch)$/);
    const clusterWide = permissions.filter((one) => one.startsWith('ClusterRole '));
    expect(clusterWide.map((one) => one.split(' ').slice(2).join(' '))).toEqual([
      'authentication.k8s.io/tokenreviews/* create',
    ]);
    const others = permissions.filter((one) => !one.includes(' /secrets/') && !one.startsWith('ClusterRole '));
    for (const one of others)
      expect(one).toMatch(
        / \/(?:pods|pods\/status|events)\/\* |coordination\.k8s\.io\/leases\/[a-z0-9-]+ (?:get|update|patch|watch)$/,
      );
  });

  row('A20', async (run) => {
    run.hasNoCalls();
    const objects = await chart().objects(EVERYTHING);
    const { spec } = find(objects, `NetworkPolicy/${RELEASE.name}`) as unknown as { spec: PolicySpec };
    // Both directions are closed, except for what is listed.
    expect(spec.policyTypes.toSorted()).toEqual(['Egress', 'Ingress']);
    expect(Object.keys(spec.podSelector)).not.toEqual([]);
    const rules = [...(spec.ingress ?? []), ...(spec.egress ?? [])];
    expect(rules.length).toBeGreaterThan(2);
    for (const { ports = [] } of rules) expect(ports.length).toBeGreaterThan(0);
    // Calls come from named namespaces, and from the other replicas.
    const isReissue = ({ ports = [] }: PolicyRule): boolean =>
      ports.some(({ port }) => port === 8443 || port === 'reissue' || port === 'https');
    const named = { key: 'kubernetes.io/metadata.name', operator: 'In', values: ['billing'] };
    expect((spec.ingress ?? []).filter(isReissue).flatMap(({ from = [] }) => from)).toEqual([
      { namespaceSelector: { matchExpressions: [named] } },
      { podSelector: spec.podSelector },
    ]);
    // Addresses of metadata services are closed where any address is open.
    const blocks = (spec.egress ?? []).flatMap(({ to = [] }) => to).filter((peer) => 'ipBlock' in peer);
    for (const block of blocks.filter((one) => JSON.stringify(one).includes('0.0.0.0/0')))
      expect(JSON.stringify(block)).toContain('169.254.0.0/16');
  });
});
