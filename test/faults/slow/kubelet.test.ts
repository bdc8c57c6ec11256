import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { podOf } from '../../cluster/bad-input/objects.ts';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import { until } from '../../support/until.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { row } from '../row.ts';

/** By how much the kubelet is late at most. */
const LATE = 90_000;

describeInCluster(
  'The kubelet',
  (cluster) => {
    row(
      'F29',
      async (run) => {
        const world = await ClusterWorld.open(run, cluster(), {
          lifetime: 240,
          more: { renewal: { interval: '30s' } },
          selector: 'app=billing-tokens',
          async prepare(prepared) {
            const { name: namespace } = prepared.namespace;
            const body = podOf({ namespace, secret: 'billing-tokens' }, 'subPath');
            await prepared.core.createNamespacedPod({ namespace, body });
            return undefined;
          },
        });
        world.mirror.paused = true;
        const mounted = world.volume.current;
        await pause(2000);
        await world.stage.revoke(mounted?.access_token ?? '');
        await world.calls.succeed(10);
        const requests = world.front.requests.length;
        await pause(LATE);
        // Its own renewals, and no reissue for a volume that is behind.
        expect(world.front.requests.length - requests).toBeLessThanOrEqual(LATE / 30_000 + 2);
        world.mirror.paused = false;
        await world.renewed(mounted?.sha256);
        await world.calls.succeed(10);
        const warned = async (): Promise<boolean> =>
          ((await world.condition('PodsFollow'))?.message ?? '').includes('subPath');
        await until('The warning', warned, 60_000);
        expect(world.calls.figures.failed).toBe(0);
      },
      { timeout: 400_000, alone: true },
    );
  },
  { alone: true },
);
