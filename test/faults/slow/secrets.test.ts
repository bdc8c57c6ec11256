import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import { until } from '../../support/until.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { row } from '../row.ts';

vi.setConfig({ maxConcurrency: 3 });

const TIMEOUT = { timeout: 240_000 };
/** Everything is looked at again after 30 s; the rest is for a busy machine. */
const LOOKED_AT = 60_000;
const MEBIBYTE = 1024 * 1024;

const text = (plain: string): string => Buffer.from(plain).toString('base64');

async function patch(world: ClusterWorld, name: string, change: object): Promise<void> {
  const file = join(world.stage.workplace.root, 'patch.json');
  writeFileSync(file, JSON.stringify(change));
  await world.kubectl(['patch', 'secret', name, '--type=merge', `--patch-file=${file}`]);
}

/** Waits until the token of this Secret is not stored, for this reason. */
async function untilReported(world: ClusterWorld, name: string): Promise<string> {
  const find = async () => world.condition('Stored', name);
  await until(`The condition of ${name}`, async () => (await find())?.status === 'False', LOOKED_AT);
  return (await find())?.message ?? '';
}

/** The states of all tokens but these. */
async function othersOf(world: ClusterWorld, ...names: string[]): Promise<string[]> {
  const { tokens } = await world.acquirer.status();
  return tokens.filter(({ token }) => !names.includes(token.split('/')[1] ?? '')).map(({ state }) => state);
}

describeInCluster(
  'A token Secret',
  (cluster) => {
    row(
      'F19',
      async (run) => {
        const others = ['deleted', 'edited', 'stripped', 'relabeled', 'left-alone'];
        const world = await ClusterWorld.open(run, cluster(), { lifetime: 3600, others });
        const requests = world.front.requests.length;
        const wanted = new Map(await Promise.all(others.map(async (name) => [name, await world.data(name)] as const)));
        await world.kubectl(['delete', 'secret', 'deleted']);
        await patch(world, 'edited', { data: { dynamics: text('x') } });
        await patch(world, 'stripped', { data: { 'dynamics.json': null } });
        await patch(world, 'relabeled', { metadata: { labels: { app: 'other' } } });
        expect(await untilReported(world, 'deleted')).toContain('deleted');
        await world.core.createNamespacedSecret({
          namespace: world.namespace.name,
          body: { metadata: { name: 'deleted' } },
        });
        for (const name of others) {
          const isRestored = async (): Promise<boolean> =>
            JSON.stringify(await world.data(name)) === JSON.stringify(wanted.get(name));
          await until(`The token of ${name}`, isRestored, LOOKED_AT);
        }
        await until('All tokens', async () => new Set(await othersOf(world)).size === 1, LOOKED_AT);
        expect(new Set(await othersOf(world))).toEqual(new Set(['Valid']));
        expect(world.front.requests).toHaveLength(requests);
        expect(world.calls.figures.failed).toBe(0);
      },
      TIMEOUT,
    );

    row(
      'F20',
      async (run) => {
        const others = ['immutable', 'too-large'];
        const world = await ClusterWorld.open(run, cluster(), {
          lifetime: 120,
          others,
          more: { renewal: { interval: '5s' } },
        });
        const before = await world.data('immutable');
        await patch(world, 'immutable', { immutable: true });
        // The largest that leaves no room for a longer document.
        const used = JSON.stringify(await world.data('too-large')).length;
        await patch(world, 'too-large', { data: { filler: text('x'.repeat(MEBIBYTE - used)) } });
        expect(await untilReported(world, 'immutable')).toContain('immutable');
        expect(await world.data('immutable')).toEqual(before);
        await world.renewed();
        await world.renewed();
        expect(await othersOf(world, ...others)).toEqual(['Valid']);
        expect(world.calls.figures.failed).toBe(0);
      },
      TIMEOUT,
    );

    row(
      'F21',
      async (run) => {
        const others = ['ending/ending-tokens', 'forbidden/forbidden-tokens'];
        const world = await ClusterWorld.open(run, cluster(), {
          lifetime: 120,
          others,
          more: { renewal: { interval: '5s' } },
        });
        const [ending = '', forbidden = ''] = others.map((name) => world.namespaceOf(name));
        await world.cluster.kubectl(['delete', 'rolebinding', 'token-acquirer', `--namespace=${forbidden}`]);
        await world.cluster.kubectl(['delete', 'namespace', ending, '--wait=false']);
        expect(await untilReported(world, 'forbidden-tokens')).toContain('patch');
        await untilReported(world, 'ending-tokens');
        await world.renewed();
        await world.renewed();
        expect(await othersOf(world, 'ending-tokens', 'forbidden-tokens')).toEqual(['Valid']);
        await world.grant(forbidden, ['forbidden-tokens']);
        const isWell = async (): Promise<boolean> => (await world.report('forbidden-tokens')).state === 'Valid';
        await until('The other token', isWell, LOOKED_AT);
        expect(world.calls.figures.failed).toBe(0);
      },
      TIMEOUT,
    );
  },
  { alone: true },
);
