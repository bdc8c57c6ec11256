import { expect } from 'vitest';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import type { ClusterNode } from '../../cluster/node.ts';
import { until } from '../../support/until.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { row } from '../row.ts';

const RENEWED_OFTEN = { lifetime: 240, more: { renewal: { interval: '4s' } } };
const ETCD =
  'etcd --data-dir=/var/lib/etcd --unsafe-no-fsync --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380';
/** What the quota leaves, in bytes. A ConfigMap of the filling has less than 1 MiB. */
const ROOM = 4 * 1024 * 1024;
const FILLER = 'x'.repeat(900 * 1024);

/** Starts etcd again with other options. */
async function restartEtcd(node: ClusterNode, options = ''): Promise<void> {
  const script = `pkill -x etcd; while pgrep -x etcd >/dev/null; do sleep 0.1; done; setsid ${ETCD} ${options} >>/var/log/node/etcd.log 2>&1 </dev/null &`;
  await node.exec(['bash', '-c', script]);
  await until('etcd', async () => (await call(node, 'maintenance/status', {})).includes('dbSize'), 60_000);
}

/** Calls etcd's API for maintenance by its JSON gateway. */
async function call(node: ClusterNode, path: string, body: object): Promise<string> {
  const text = JSON.stringify(body);
  const request = `POST /v3/${path} HTTP/1.0\\r\\nContent-Type: application/json\\r\\nContent-Length: ${text.length}\\r\\n\\r\\n${text.replaceAll('"', '\\"')}`;
  const script = `exec 3<>/dev/tcp/127.0.0.1/2379; printf "${request}" >&3; cat <&3`;
  return node.exec(['bash', '-c', script]).catch(() => '');
}

describeInCluster(
  'etcd',
  (cluster) => {
    row(
      'F37',
      async (run) => {
        const world = await ClusterWorld.open(run, cluster(), { ...RENEWED_OFTEN });
        const { node } = world.cluster;
        if (node === undefined) throw new Error('The cluster has no etcd that a test may fill.');
        const size = Number(/"dbSize":"(\d+)"/.exec(await call(node, 'maintenance/status', {}))?.[1]);
        await restartEtcd(node, `--quota-backend-bytes=${size + ROOM}`);
        const repaired = { done: false };
        const repair = async (): Promise<void> => {
          if (repaired.done) return;
          await restartEtcd(node);
          const raised = await call(node, 'maintenance/alarm', { action: 'GET' });
          const memberID = /"memberID":"(\d+)"/.exec(raised)?.[1];
          await call(node, 'maintenance/alarm', { action: 'DEACTIVATE', memberID, alarm: 'NOSPACE' });
          repaired.done = true;
        };
        run.atEnd(repair);
        let last = '';
        const { name: namespace } = world.namespace;
        for (let map = 0; map < 20 && last === ''; map += 1) {
          const body = { metadata: { name: `filler-${map}` }, data: { filler: FILLER } };
          await world.core.createNamespacedConfigMap({ namespace, body }).catch((error: unknown) => {
            last = String(error);
          });
        }
        expect(last).toContain('space');
        expect(await call(node, 'maintenance/alarm', { action: 'GET' })).toContain('NOSPACE');
        const before = world.front.requests.length;
        await until('A renewal', () => world.front.requests.length > before + 1, 60_000);
        const stored = async (): Promise<string | undefined> => (await world.condition('Stored'))?.status;
        await until('The condition', async () => (await stored()) === 'False', 60_000);
        // The mounted token is revoked, so the client needs the one in memory.
        const mounted = world.volume.current;
        await world.stage.revoke(mounted?.access_token ?? '');
        await world.calls.succeed(10);
        await repair();
        await world.renewed(mounted?.sha256, 120_000);
        await until('The condition', async () => (await stored()) === 'True', 60_000);
        expect(world.calls.figures.failed).toBe(0);
      },
      { timeout: 600_000, alone: true },
    );
  },
  { alone: true },
);
