import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerSecret } from '../support/secrets.ts';
import type { TestCluster } from './cluster.ts';
import { describeBoundaries } from './example/boundaries.ts';
import { ExampleDeployment } from './example/deployment.ts';
import { loadImages } from './example/images.ts';
import type { Call } from './example/log-lines.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const MANIFESTS = join(import.meta.dirname, '../../manifests');
const SECOND = 1000;
const MINUTE = 60 * SECOND;

const failed = (calls: readonly Call[]): Call[] => calls.filter(({ ok }) => !ok);
const now = (): Date => new Date();

describeInCluster(
  'the example in a cluster',
  (cluster: () => TestCluster) => {
    let example: ExampleDeployment;
    let images: (text: string) => string;
    /** Whether the client's pod was seen to wait. */
    let waited = false;
    let applied: Date;
    let credential: Readonly<Record<string, string>>;

    beforeAll(async () => {
      example = new ExampleDeployment(cluster());
      images = await loadImages(cluster());
      await example.remove();
      applied = now();
      await example.apply(images);
      await example.until('the client app calls with success', async () => {
        const [pod] = await example.pods('billing', 'billing-app');
        if (pod?.phase === 'Pending' && (await example.storedToken()) === undefined) waited = true;
        if (pod?.phase !== 'Running') return undefined;
        return (await example.calls(applied)).some(({ ok }) => ok) || undefined;
      });
      const client_secret = await valueOf(cluster(), 'token-acquirer', 'dynamics-credentials', 'client_secret');
      registerSecret(client_secret);
      credential = { client_secret };
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      await cluster().kubectl(['delete', '--ignore-not-found', `--filename=${MANIFESTS}/admission-policy.yaml`]);
      await example.remove();
    }, 3 * MINUTE);

    async function restartAcquirer(): Promise<void> {
      await cluster().kubectl(['rollout', 'restart', 'deployment/token-acquirer', '--namespace=token-acquirer']);
      await example.rolledOut('token-acquirer', 'token-acquirer');
    }

    describe('as it is, with tokens that live for 20 s and volumes that follow after a minute', () => {
      it('has a client whose pod waits for its first token, and whose first call succeeds', async () => {
        expect(waited).toBe(true);
        const calls = await example.calls(applied);
        expect(calls[0]).toMatchObject({ ok: true, status: 200 });
      });

      it(
        'calls with success across ten expiries',
        async () => {
          const from = now();
          await pause(10 * 14 * SECOND);
          const calls = await example.calls(from);
          expect(failed(calls)).toEqual([]);
          expect(calls.length).toBeGreaterThan(100);
          expect(new Set(calls.map(({ generation }) => generation)).size).toBeGreaterThanOrEqual(8);
          expect(await example.tokensIssued(from)).toBeGreaterThanOrEqual(10);
        },
        6 * MINUTE,
      );

      // A call in the last moment of the token before meets two rejections where the newest one was just revoked, and one
      // replay is all that there is: such a chance is no fault, twice in a row it would be.
      it('recovers from a revocation within a second', { timeout: 4 * MINUTE, retry: 1 }, async () => {
        const from = now();
        // The authorization server revokes the newest token by itself every 90 s.
        const revoked = await example.until('a token is revoked', () => example.revokedSince(from));
        const cured = await example.until('a call is cured', async () =>
          (await example.calls(revoked)).find(({ requests }) => requests > 1),
        );
        expect(cured).toMatchObject({ ok: true, outcome: 'ok', status: 200, requests: 2 });
        expect(cured.took_ms).toBeLessThan(1000);
        expect(failed(await example.calls(from))).toEqual([]);
      });

      it(
        'gives a new pod a token that is valid at its first read',
        async () => {
          const from = now();
          await cluster().kubectl(['rollout', 'restart', 'deployment/billing-app', '--namespace=billing']);
          await example.rolledOut('billing', 'billing-app');
          const calls = await example.until('the new pod calls', async () => {
            const found = await example.calls(from);
            return found.length > 5 ? found : undefined;
          });
          expect(failed(calls)).toEqual([]);
        },
        3 * MINUTE,
      );
    });

    describeBoundaries(
      () => example,
      () => credential,
    );

    describe('whose client app is stopped', () => {
      it(
        'obtains no token, takes the expired one away, and has a valid one within 10 s of its return',
        async () => {
          await cluster().kubectl(['scale', 'deployment/billing-app', '--namespace=billing', '--replicas=0']);
          await example.until('the keys are gone', async () =>
            (await example.storedToken()) === undefined ? true : undefined,
          );
          const from = now();
          await pause(15 * SECOND);
          expect(await example.tokensIssued(from)).toBe(0);
          expect(Object.keys(await example.tokenSecret())).toEqual(['ca.crt']);
          const back = now();
          await cluster().kubectl(['scale', 'deployment/billing-app', '--namespace=billing', '--replicas=1']);
          const first = await example.firstSuccess(back, MINUTE);
          expect(Date.parse(first.time) - back.getTime()).toBeLessThan(10 * SECOND);
          expect(failed(await example.calls(back))).toEqual([]);
        },
        5 * MINUTE,
      );
    });

    describe('with the nudge, and tokens that are renewed every 5 s', () => {
      beforeAll(async () => {
        await cluster().kubectl(['apply', `--filename=${MANIFESTS}/admission-policy.yaml`]);
        await cluster().kubectl(['apply', `--filename=${MANIFESTS}/volume-nudge.yaml`]);
        await example.apply((text) =>
          images(text)
            .replace('value: 20s', 'value: 240s')
            .replace('value: 90s', 'value: ""')
            .replace('grant: client_credentials', 'grant: client_credentials\n        renewal: { interval: 5s }')
            .replace('    tokens:\n', '    propagation: { nudge: true }\n    tokens:\n'),
        );
        await example.rolledOut('example-services', 'authorization-server');
        await restartAcquirer();
        await example.firstSuccess(now());
        // The policy is tried with the first nudge.
        await pause(10 * SECOND);
      }, 5 * MINUTE);

      it(
        'has each new token in the mounted volume within a second or so, by one request for each pod',
        async () => {
          const from = now();
          const sightings = await example.sightings(40 * SECOND);
          const stored = (await example.acquirerLog(from)).filter(({ event }) => event === 'token-stored');
          const lags = stored.flatMap(({ time, generation }) => {
            const seen = sightings.get(Number(generation));
            return seen === undefined ? [] : [seen - Date.parse(time)];
          });
          expect(lags.length).toBeGreaterThanOrEqual(5);
          // Ten times what is expected; the benchmarks measure it.
          expect(Math.max(...lags)).toBeLessThan(5 * SECOND);
          expect(failed(await example.calls(from))).toEqual([]);
          const nudges = (await cluster().node?.requestsSince(from))?.filter(({ requestURI }) =>
            requestURI.includes('/status'),
          );
          if (nudges !== undefined) expect(nudges.length).toBeLessThanOrEqual(stored.length + 1);
        },
        2 * MINUTE,
      );
    });

    describe('with tokens that live for 4 minutes and are renewed every 30 s', () => {
      beforeAll(async () => {
        await example.apply((text) =>
          images(text)
            .replace('value: 20s', 'value: 240s')
            .replace('value: 90s', 'value: ""')
            .replace('grant: client_credentials', 'grant: client_credentials\n        renewal: { interval: 30s }'),
        );
        // Its tokens are forgotten with it; the token-acquirer is started anew, lest it waits for its ConfigMap.
        await example.rolledOut('example-services', 'authorization-server');
        await restartAcquirer();
        await example.firstSuccess(now());
        await pause(3 * SECOND);
      }, 5 * MINUTE);

      const acquirerPod = async (): Promise<string> =>
        (await example.pods('token-acquirer', 'token-acquirer'))[0]?.name ?? '';

      it.each<[string, () => Promise<unknown>]>([
        [
          'is deleted',
          async () =>
            cluster().kubectl(['delete', 'pod', await acquirerPod(), '--namespace=token-acquirer', '--wait=true']),
        ],
        ['is rolled', restartAcquirer],
        [
          'is taken away by force',
          async () =>
            cluster().kubectl([
              'delete',
              'pod',
              await acquirerPod(),
              '--namespace=token-acquirer',
              '--force',
              '--grace-period=0',
            ]),
        ],
        [
          'is hit by SIGKILL',
          // Its name in the list of processes; on a node that cannot be told, by force once more.
          async () =>
            cluster().node?.exec(['pkill', '-KILL', '-f', 'token-acquirer.cjs run']) ??
            cluster().kubectl([
              'delete',
              'pod',
              await acquirerPod(),
              '--namespace=token-acquirer',
              '--force',
              '--grace-period=0',
            ]),
        ],
      ])(
        'has no call fail, and makes no needless token request, while the token-acquirer’s pod %s',
        async (_, act) => {
          const before = await example.storedToken();
          const from = now();
          await act();
          await example.rolledOut('token-acquirer', 'token-acquirer');
          await pause(10 * SECOND);
          const calls = await example.calls(from);
          expect(failed(calls)).toEqual([]);
          expect(calls.length).toBeGreaterThan(5);
          const log = await example.acquirerLog(from);
          expect(log.filter(({ event }) => event === 'token-adopted')).toHaveLength(1);
          // Only what the interval asks for.
          const most = Math.ceil((Date.now() - from.getTime()) / (27 * SECOND));
          expect(await example.tokensIssued(from)).toBeLessThanOrEqual(most);
          expect((await example.storedToken())?.generation).toBeGreaterThanOrEqual(before?.generation ?? Number.NaN);
        },
        4 * MINUTE,
      );

      it(
        'has no call fail while the API server is stopped for a minute, and the state is right afterwards',
        async (context) => {
          const { node } = cluster();
          if (node === undefined) return context.skip('Only the API server of the project’s own node can be stopped.');
          const from = now();
          await node.stopApiServer();
          await pause(MINUTE);
          await node.startApiServer();
          const back = now();
          await pause(10 * SECOND);
          const calls = await example.calls(from);
          expect(failed(calls)).toEqual([]);
          expect(calls.length).toBeGreaterThan(50);
          // Tokens went on being obtained; the newest is stored as soon as that is possible.
          const log = await example.acquirerLog(from);
          const issued = log.filter(({ event }) => event === 'token-issued').at(-1);
          const stored = await example.until('the newest token is stored', async () => {
            const found = await example.storedToken();
            return found !== undefined && found.generation >= Number(issued?.['generation']) ? found : undefined;
          });
          expect(Date.now() - back.getTime()).toBeLessThan(60 * SECOND);
          expect(stored.generation).toBeGreaterThanOrEqual(Number(issued?.['generation']));
          expect(issued).toBeDefined();
        },
        5 * MINUTE,
      );
    });
  },
  { alone: true },
);

async function valueOf(cluster: TestCluster, namespace: string, name: string, key: string): Promise<string> {
  const path = `jsonpath={.data.${key}}`;
  const text = await cluster.kubectl(['get', 'secret', name, `--namespace=${namespace}`, `--output=${path}`]);
  return Buffer.from(text, 'base64').toString('utf8');
}
