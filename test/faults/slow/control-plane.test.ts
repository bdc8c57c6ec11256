import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { until } from '../../support/until.ts';
import type { ApiFate, ApiRequest } from '../api-front.ts';
import { ACCOUNT, ClusterWorld } from '../cluster-world.ts';
import { row } from '../row.ts';

const RENEWED_OFTEN = { lifetime: 120, more: { renewal: { interval: '4s' } } };
/** Where a pod has its ServiceAccount. */
const IN_POD = '/var/run/secrets/kubernetes.io/serviceaccount';
const ALONE = { timeout: 240_000, alone: true };
/** Everything is looked at again after 30 s; the rest is for a busy machine. */
const LOOKED_AT = 60_000;

const isWrite = ({ method, path }: ApiRequest): boolean => method === 'PATCH' && path.includes('/secrets/');
const isWatch = ({ query }: ApiRequest): boolean => query.get('watch') === 'true' || query.get('watch') === '1';

/** Gives these fates to the first requests of the kind. */
function fates(isMeant: (request: ApiRequest) => boolean, ...given: ApiFate[]): (request: ApiRequest) => ApiFate {
  return (request) => (isMeant(request) ? (given.shift() ?? 'pass') : 'pass');
}

describeInCluster(
  'The API server',
  (cluster) => {
    row(
      'F17',
      async (run) => {
        const world = await ClusterWorld.open(run, cluster(), { ...RENEWED_OFTEN });
        const { node } = world.cluster;
        const { acquirer, front } = world;
        const back = async (): Promise<void> => {
          if (node === undefined) await world.proxy.set('pass');
          else await node.startApiServer();
        };
        run.atEnd(back);
        if (node === undefined) await world.proxy.set('refuse');
        else await node.stopApiServer();
        const before = front.requests.length;
        await until('A renewal', () => front.requests.length > before + 1, 60_000);
        const stored = async (): Promise<string | undefined> => (await world.condition('Stored'))?.status;
        await until('The condition', async () => (await stored()) === 'False', 60_000);
        // The mounted token is revoked, so the client needs the one in memory.
        await world.stage.revoke(world.volume.current?.access_token ?? '');
        await world.calls.succeed(10);
        expect(acquirer.lines.some(({ event }) => String(event).startsWith('store'))).toBe(true);
        await back();
        const { sha256 } = world.volume.current ?? {};
        await world.renewed(sha256);
        await until('The condition', async () => (await stored()) === 'True', 60_000);
        expect(world.calls.figures.failed).toBe(0);
      },
      ALONE,
    );

    row(
      'F18',
      async (run) => {
        const world = await ClusterWorld.open(run, cluster(), { ...RENEWED_OFTEN });
        const again: ApiFate = { status: 429, headers: { 'retry-after': '1' } };
        const given = [{ status: 409 }, again, { status: 504, committed: true }, { status: 500, committed: true }];
        let left = given.length;
        world.api.fate = (request) => (isWrite(request) ? (given[given.length - left--] ?? 'pass') : 'pass');
        await until('The last of them', () => left <= 0, 120_000);
        await world.renewed();
        await world.renewed();
        expect((await world.condition('Stored'))?.status).toBe('True');
        const { dynamics = '', 'dynamics.json': document = '' } = await world.data();
        const { access_token: token } = JSON.parse(Buffer.from(document, 'base64').toString()) as {
          access_token: string;
        };
        expect(Buffer.from(dynamics, 'base64').toString()).toBe(token);
        expect(await world.stage.isActive(token)).toBe(true);
        expect(world.calls.figures.failed).toBe(0);
      },
      ALONE,
    );

    row(
      'F22',
      async (run) => {
        const world = await ClusterWorld.open(run, cluster(), { lifetime: 600, others: ['edited'] });
        const requests = world.front.requests.length;
        const wanted = await world.data('edited');
        // Every watch from now on: dropped, expired, and then silent for good.
        world.api.fate = (request) => {
          const drop = fates(isWatch, 'break', { status: 410 }, 'break', { status: 410 });
          world.api.fate = (next) => (isWatch(next) && drop(next) === 'pass' ? 'silent' : drop(next));
          return world.api.fate(request);
        };
        // Open watches break, too.
        for (const socket of world.proxy.connections.open) socket.destroy();
        await world.kubectl(['patch', 'secret', 'edited', '--type=merge', '--patch={"data":{"dynamics":"eA=="}}']);
        const isRestored = async (): Promise<boolean> =>
          JSON.stringify(await world.data('edited')) === JSON.stringify(wanted);
        await until('The token', isRestored, LOOKED_AT);
        expect(world.front.requests).toHaveLength(requests);
        expect(world.calls.figures.failed).toBe(0);
      },
      ALONE,
    );

    row(
      'F23',
      async (run) => {
        const POD = 'holder';
        const folder = temporaryDirectory();
        run.atEnd(() => folder.remove());
        const tokenFile = join(folder.path, 'token');
        const server = new URL(cluster().api.getCurrentCluster()?.server ?? '');
        const mounted = 'mount -t tmpfs none /var/run && mkdir -p "$1" && mount --bind "$0" "$1" && shift && exec "$@"';
        const world = await ClusterWorld.open(run, cluster(), {
          ...RENEWED_OFTEN,
          // As a pod has it.
          access: [],
          process: {
            launcher: ['unshare', '--mount', 'sh', '-c', mounted, folder.path, IN_POD],
            env: { KUBERNETES_SERVICE_HOST: server.hostname, KUBERNETES_SERVICE_PORT: server.port },
          },
          async prepare({ accounts, cluster: { api }, namespace }) {
            await accounts.createPod(POD, ACCOUNT);
            const ca = Buffer.from(api.getCurrentCluster()?.caData ?? '', 'base64');
            writeFileSync(join(folder.path, 'ca.crt'), ca);
            writeFileSync(join(folder.path, 'namespace'), namespace.name);
            writeFileSync(tokenFile, await accounts.token(ACCOUNT, { pod: POD }), { mode: 0o600 });
            return undefined;
          },
        });
        await world.renewed();
        // The kubelet replaces the token long before the old one ends, which it does here with its pod.
        writeFileSync(tokenFile, await world.accounts.token(ACCOUNT), { mode: 0o600 });
        await world.accounts.removePod(POD);
        for (let renewal = 0; renewal < 3; renewal += 1) await world.renewed();
        expect((await world.condition('Stored'))?.status).toBe('True');
        expect(world.calls.figures.failed).toBe(0);
      },
      ALONE,
    );
  },
  { alone: true },
);
