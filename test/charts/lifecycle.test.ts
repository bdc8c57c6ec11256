import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestCluster } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { type HelmBinary, type HelmName, helm, helmBinaries } from './helm.ts';
import { SteadyClient } from './steady-client.ts';

const ROOT = join(import.meta.dirname, '../..');
const RELEASE = 'token-acquirer';
const TOKENS = 'billing-tokens';
const RELEASED = join(import.meta.dirname, 'released');
/** Ten times what a quiet machine takes; each time is printed. */
const GOAL = 60_000;

/** All that a user writes. */
const valuesIn = ({ services, client }: ChainPlace, [repository, tag]: readonly string[]): string => `
image: { repository: ${repository}, tag: "${tag}" }
config:
  authorizationServers:
    corporate: { issuer: "https://authorization-server.${services}.svc" }
  tokens:
    - name: dynamics
      authorizationServer: corporate
      credential: dynamics
      grant: client_credentials
      secret: { namespace: ${client}, name: ${TOKENS} }
      clients: [{ namespace: ${client}, serviceAccount: billing-app }]
      clientApp: { namespace: ${client}, selector: app.kubernetes.io/name=billing-app }
certificateAuthorities:
  corporate: { configMap: example-ca }
`;

describeInCluster(
  'A release of the chart',
  (cluster: () => TestCluster) => {
    const previous = temporaryDirectory();
    let place: ChainPlace;
    let client: SteadyClient;
    let values: string;
    let binaries: readonly HelmBinary[];

    beforeAll(async () => {
      binaries = await helmBinaries();
      const images = await loadImages(cluster());
      place = await makePlace(cluster());
      client = new SteadyClient(cluster(), place, images);
      values = valuesIn(
        place,
        images('image: token-acquirer:0.1.0')
          .slice('image: '.length)
          .split(/:(?=[^:]+$)/),
      );
    }, CLUSTER_TIMEOUT);

    const run = (name: HelmName, ...args: readonly string[]): Promise<string> => {
      const binary = binaries.find((one) => one.name === name) as HelmBinary;
      const { kubeconfig } = cluster();
      return helm(binary, [...args, `--namespace=${place.acquirer}`], { kubeconfig, input: values });
    };
    const kubectl = (...args: readonly string[]): Promise<string> => cluster().kubectl(args);
    const inAcquirer = (...args: readonly string[]): Promise<string> => kubectl(`-n=${place.acquirer}`, ...args);
    const inClient = (...args: readonly string[]): Promise<string> => kubectl(`-n=${place.client}`, ...args);

    afterEach(async () => {
      await client.stop();
      await run('helm 4', 'uninstall', RELEASE, '--ignore-not-found', '--wait');
      await inClient('delete', 'secret', TOKENS, '--ignore-not-found');
      await inAcquirer('delete', 'secret', `${RELEASE}-state`, `${RELEASE}-ca`, '--ignore-not-found');
    });

    afterAll(async () => {
      await place.remove();
      previous.remove();
    });

    it('takes 15 lines of values at most', () => {
      expect(values.trim().split('\n').length).toBeLessThanOrEqual(15);
    });

    // The client's pod exists before and waits for its first token, with the kubelet's growing delays.
    it.each([
      ['helm 4', 1],
      ['helm 3', 2],
      ['helm 4', 3],
      ['helm 3', 4],
      ['helm 4', 5],
    ] as const)(
      'by %s has the client call with success within a minute of its installation, time %i',
      async (name, _) => {
        await client.start();
        const began = Date.now();
        await run(name, 'install', RELEASE, CHART, '--values=-');
        const { time } = await client.firstSuccess();
        const took = Date.parse(time) - began;
        process.stdout.write(`First call of the client ${(took / 1000).toFixed(1)} s after ${name} install.\n`);
        expect(took).toBeLessThan(GOAL);
      },
    );

    describe.each(['helm 3', 'helm 4'] as const)('by %s, under steady calls', (name) => {
      const podOf = async (): Promise<string> =>
        (
          await inAcquirer(
            'get',
            'pods',
            '-l=app.kubernetes.io/name=token-acquirer',
            '-o=go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.uid}} {{end}}{{end}}',
          )
        ).trim();
      const token = async (): Promise<string> => inClient('get', 'secret', TOKENS, '-o=jsonpath={.data.dynamics}');
      const rolledOut = (): Promise<string> =>
        inAcquirer('rollout', 'status', `deployment/${RELEASE}`, '--timeout=60s');

      it('is installed, upgraded, rolled back and uninstalled without a failed call', async () => {
        await run(name, 'install', RELEASE, previousChart(previous.path), '--values=-', '--set=secret.keep=true');
        await client.start();
        await client.firstSuccess();
        const [first, issued] = [await podOf(), await token()];

        const changed = ['--values=-', '--set=secret.keep=true', '--set=podAnnotations.upgraded=once'];
        await run(name, 'upgrade', RELEASE, CHART, ...changed);
        await rolledOut();
        const second = await podOf();
        expect(second).not.toBe(first);
        const before = await versions();
        expect(before.length).toBeGreaterThan(5);
        await run(name, 'upgrade', RELEASE, CHART, ...changed);
        expect(await versions()).toEqual(before);
        expect(await podOf()).toBe(second);

        await run(name, 'rollback', RELEASE, '1');
        await rolledOut();
        expect(await podOf()).not.toBe(second);
        await until('it reports that it is healthy', async () => (await status()).includes('dynamics'), 30_000);
        expect(await token()).toBe(issued);

        await run(name, 'uninstall', RELEASE, '--wait');
        await called(10);
        expect(await token()).toBe(issued);
        // helm does not wait for the pods, which are collected once their owner is gone.
        await expect
          .poll(left, { timeout: 30_000, interval: 500 })
          .toEqual([
            `secret/${RELEASE}-ca in its own namespace`,
            `secret/${RELEASE}-state in its own namespace`,
            `secret/${TOKENS} in the client's namespace`,
          ]);
        await expectAllWell();
      });

      const status = (): Promise<string> =>
        inAcquirer(
          'exec',
          `deployment/${RELEASE}`,
          '--',
          'token-acquirer',
          'status',
          '--status-url=http://127.0.0.1:9090',
        );

      /** What the release's objects are at. A Deployment's status is written by controllers, so its generation counts. */
      async function versions(): Promise<string[]> {
        const pathOf = (member: string): string =>
          `-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.${member}}{"\\n"}{end}`;
        const selector = `-l=app.kubernetes.io/instance=${RELEASE}`;
        const inert = [
          'configmap,service,serviceaccount,role,rolebinding',
          selector,
          pathOf('resourceVersion'),
        ] as const;
        const found = [
          await inAcquirer('get', 'deployment', selector, pathOf('generation')),
          await inAcquirer('get', ...inert),
          await inClient('get', ...inert),
        ];
        return found.join('').trim().split('\n');
      }

      async function called(times: number): Promise<void> {
        const before = (await client.calls()).length;
        await until(`${times} more calls`, async () => (await client.calls()).length >= before + times, 30_000);
      }

      /** Of what the release made. */
      async function left(): Promise<string[]> {
        const kinds = 'configmap,secret,deployment,service,serviceaccount,role,rolebinding,pod';
        const args = ['get', kinds, `-l=app.kubernetes.io/instance=${RELEASE}`, '-o=name'] as const;
        const names = (text: string, where: string): string[] =>
          text
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => `${line} in ${where}`);
        const own = names(await inAcquirer(...args), 'its own namespace');
        const wide = await kubectl('get', 'clusterrole,clusterrolebinding', args[2], '-o=name');
        expect(wide).not.toContain(place.acquirer);
        return [...own, ...names(await inClient(...args), "the client's namespace")];
      }
    });

    it.each([
      { how: 'where Secrets are watched', watch: true, within: 10_000 },
      { how: 'without watching', watch: false, within: 60_000 },
    ])('by helm 3 with --force, which empties the Secrets, goes on without a failed call $how', async (one) => {
      const changed = ['--values=-', `--set=config.propagation.watch=${one.watch}`];
      await client.start();
      await run('helm 3', 'install', RELEASE, CHART, ...changed);
      await client.firstSuccess();
      const data = (): Promise<string> => inClient('get', 'secret', TOKENS, '-o=jsonpath={.data.dynamics}');
      await run('helm 3', 'upgrade', RELEASE, CHART, ...changed, '--force');
      const began = performance.now();
      // The same one, or a new one where the other replica was faster to take the emptied Lease.
      await until('a token is stored again', async () => (await writes()) > 1 && (await data()) !== '', one.within);
      process.stdout.write(`Restored ${((performance.now() - began) / 1000).toFixed(1)} s after --force ${one.how}.\n`);
      await expectAllWell();
    });

    /**
     * As the token-acquirer logs them, so that what was never emptied does not pass for restored. The emptied Secret of the CA
     * gets a new CA, whose ca.crt is written together with the token: then the write counts as no repair.
     */
    async function writes(): Promise<number> {
      const log = await inAcquirer('logs', '-l=app.kubernetes.io/name=token-acquirer', '--tail=-1');
      return log.split('\n').filter((line) => /"token-(?:repaired|stored)"/.test(line)).length;
    }

    /** Every call of the one pod, which was never started anew. */
    async function expectAllWell(): Promise<void> {
      const calls = await client.calls();
      expect(calls.length).toBeGreaterThan(5);
      expect(calls.filter(({ ok }) => !ok)).toEqual([]);
      const path = '-o=jsonpath={.items[*].status.containerStatuses[*].restartCount}';
      expect((await inClient('get', 'pods', '-l=app.kubernetes.io/name=billing-app', path)).trim()).toBe('0');
    }

    it('without `keep` leaves nothing behind', async () => {
      await run('helm 4', 'install', RELEASE, CHART, '--values=-', '--wait');
      await run('helm 4', 'uninstall', RELEASE, '--wait');
      const kinds = 'configmap,secret,deployment,service,serviceaccount,role,rolebinding';
      const args = ['get', kinds, `-l=app.kubernetes.io/instance=${RELEASE}`, '-o=name'] as const;
      expect([await inAcquirer(...args), await inClient(...args)]).toEqual(['', '']);
    });
  },
  { timeout: 180_000 },
);

/** Of the commit before; where the checkout has no history, as it was released first. */
function previousChart(folder: string): string {
  const unpack = (input: Buffer, ...args: readonly string[]): string => {
    execFileSync('tar', ['-x', ...args, '-C', folder], { input });
    return folder;
  };
  try {
    const archive = execFileSync('git', ['-C', ROOT, 'archive', 'HEAD~1', 'charts/token-acquirer'], {
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return join(unpack(archive), 'charts/token-acquirer');
  } catch {
    process.stdout.write('There is no earlier commit at hand: the chart as it was released is upgraded.\n');
    const latest =
      readdirSync(RELEASED)
        .filter((file) => file.endsWith('.tgz'))
        .toSorted(byVersion)
        .at(-1) ?? '';
    return join(unpack(readFileSync(join(RELEASED, latest)), '-z'), 'token-acquirer');
  }
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}
