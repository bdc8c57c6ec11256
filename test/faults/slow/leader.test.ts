import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import { until } from '../../support/until.ts';
import { ACCOUNT, ClusterWorld } from '../cluster-world.ts';
import { row } from '../row.ts';

const LEASE = 'token-acquirer';
/** In milliseconds: of the Lease by default, and of the pause. */
const [DURATION, PAUSE] = [60_000, 120_000];
const INTERVAL = 10_000;

/** The Lease of the release and the permission to use it, as the chart makes them. */
async function makeLease(world: ClusterWorld): Promise<void> {
  const { name: namespace } = world.namespace;
  const metadata = { name: LEASE, namespace };
  const rbac = 'rbac.authorization.k8s.io';
  const rule = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'update', 'watch'] };
  const objects = [
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { ...metadata, name: 'lease' },
      rules: [{ ...rule, resourceNames: [LEASE] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { ...metadata, name: 'lease' },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'lease' },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }],
    },
  ];
  for (const object of objects) await world.cluster.kubectl(['apply', '--filename=-'], JSON.stringify(object));
}

describeInCluster(
  'Two token-acquirers',
  (cluster) => {
    row(
      'F27',
      async (run) => {
        let token = '';
        const world = await ClusterWorld.open(run, cluster(), {
          lifetime: 300,
          more: { renewal: { interval: `${INTERVAL / 1000}s` } },
          state: false,
          async prepare(prepared) {
            await makeLease(prepared);
            token = await prepared.accounts.token(ACCOUNT, { seconds: 3600 });
            return token;
          },
        });
        const [first] = world.acquirers;
        await world.start(token);
        await world.renewed();
        await world.renewed();
        const began = performance.now();
        first?.child.kill('SIGSTOP');
        await pause(PAUSE);
        // The other one took over when the Lease had ended, and has renewed since.
        first?.child.kill('SIGCONT');
        await world.renewed();
        await world.renewed();
        const times = world.front.requests.map(({ at }) => at).filter((at) => at > began);
        const renewals = (performance.now() - began) / INTERVAL;
        expect(times.length).toBeGreaterThanOrEqual(Math.floor((PAUSE - DURATION) / INTERVAL / 2));
        expect(times.length).toBeLessThanOrEqual(Math.ceil(renewals / 0.95) + 2);
        const { 'dynamics.json': document = '' } = await world.data();
        const { sha256 } = JSON.parse(Buffer.from(document, 'base64').toString()) as { sha256: string };
        const held = await Promise.all(world.acquirers.map(async (one) => (await one.status()).tokens.length));
        expect(held).toEqual([1, 1]);
        await until('The same token', () => world.volume.current?.sha256 === sha256, 30_000);
        expect(world.calls.figures.failed).toBe(0);
      },
      { timeout: 600_000, alone: true },
    );
  },
  { alone: true },
);
