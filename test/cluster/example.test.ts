import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerSecret } from '../support/secrets.ts';
import type { TestCluster } from './cluster.ts';
import { describeBoundaries } from './example/boundaries.ts';
import type { ExampleDeployment } from './example/deployment.ts';
import { failedCalls } from './example/log-lines.ts';
import { installExample } from './example/running.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const now = (): Date => new Date();

describeInCluster('the example', (cluster: () => TestCluster) => {
  let example: ExampleDeployment;
  let applied: Date;
  let credential: Readonly<Record<string, string>>;

  beforeAll(async () => {
    ({ example, applied } = await installExample(cluster()));
    const client_secret = await valueOf(cluster(), 'token-acquirer', 'dynamics-credentials', 'client_secret');
    registerSecret(client_secret);
    credential = { client_secret };
  }, CLUSTER_TIMEOUT);

  afterAll(() => example.remove(), 3 * MINUTE);

  describe('as it is, with tokens that live for 20 s and volumes that follow after a minute', () => {
    it('has a client whose pod waits for its first token, and whose first call succeeds', async () => {
      expect(await example.isWaiting()).toBe(true);
      const [first] = await example.calls(applied);
      expect(first).toMatchObject({ ok: true, outcome: 'ok', status: 200 });
    });

    it(
      'calls with success across ten expiries',
      async () => {
        const from = now();
        await pause(10 * 14 * SECOND);
        const calls = await example.calls(from);
        expect(failedCalls(calls)).toEqual([]);
        expect(calls.length).toBeGreaterThan(100);
        expect(new Set(calls.map(({ generation }) => generation)).size).toBeGreaterThanOrEqual(8);
        expect(await example.tokensIssued(from)).toBeGreaterThanOrEqual(10);
      },
      6 * MINUTE,
    );

    // A call in the last moment of the token before meets two rejections where the newest one was just revoked, and one
    // replay is all that there is: once is such a chance, twice in a row is a failure.
    it('recovers from a revocation within a second', { timeout: 4 * MINUTE, retry: 1 }, async () => {
      const from = now();
      // The authorization server revokes the newest token by itself every 90 s.
      const revoked = await example.until('a token is revoked', () => example.revokedSince(from));
      const cured = await example.until('a call is cured', async () =>
        (await example.calls(revoked)).find(({ requests }) => requests > 1),
      );
      expect(cured).toMatchObject({ ok: true, outcome: 'ok', status: 200, requests: 2 });
      expect(cured.took_ms).toBeLessThan(1000);
      expect(failedCalls(await example.calls(from))).toEqual([]);
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
        expect(failedCalls(calls)).toEqual([]);
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
      'obtains no token, removes the expired one, and has a valid one within 10 s of the return of the client app',
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
        await example.firstSuccess(back, MINUTE);
        // How long a busy machine takes to start the pod is not the token-acquirer's.
        const [pod] = await example.pods('billing', 'billing-app');
        const stored = (await example.acquirerLog(back)).find(({ event }) => event === 'token-stored');
        expect(Date.parse(stored?.time ?? '') - Date.parse(pod?.startedAt ?? '')).toBeLessThan(10 * SECOND);
        expect(failedCalls(await example.calls(back))).toEqual([]);
      },
      5 * MINUTE,
    );
  });
});

async function valueOf(cluster: TestCluster, namespace: string, name: string, key: string): Promise<string> {
  const path = `jsonpath={.data.${key}}`;
  const text = await cluster.kubectl(['get', 'secret', name, `--namespace=${namespace}`, `--output=${path}`]);
  return Buffer.from(text, 'base64').toString('utf8');
}
