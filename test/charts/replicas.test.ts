import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestCluster } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { until } from '../support/until.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { releaseCommands } from './release.ts';
import { SteadyClient } from './steady-client.ts';

const RELEASE = 'token-acquirer';
const MINUTE = 60_000;
/** Of the Lease, and time for an image to start on a busy machine. */
const TAKEOVER = 75_000;

/** A pod that opens a new connection to the Service every 100 ms, and counts what is not answered. */
const CALLER = `
const { get } = require('node:https');
let answers = 0, failures = [];
const call = () => get({ host: process.argv[1], port: 8443, path: '/', rejectUnauthorized: false, agent: false, timeout: 5000 }, (answer) => {
  answers += 1; answer.resume();
}).on('timeout', function () { this.destroy(new Error('timeout')); }).on('error', (error) => failures.push(new Date().toISOString() + ' ' + (error.code ?? error.message)));
setInterval(call, 100);
setInterval(() => console.log(JSON.stringify({ answers, failures })), 500);
`;

/** What happens to the two replicas of a release, under steady calls. */
describeInCluster(
  'Two replicas',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let client: SteadyClient;
    let values: Record<string, unknown>;

    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const { kubectl, run, rolledOut } = release;

    const pods = async (): Promise<string[]> => (await release.pods()).map(({ metadata }) => metadata?.name ?? '');

    const holder = async (): Promise<string> =>
      (await kubectl('get', `lease/${RELEASE}`, '--output=jsonpath={.spec.holderIdentity}')).split('_')[0] ?? '';

    /** Resolves when a pod that is not ending holds the Lease. */
    async function elected(not = ''): Promise<number> {
      const began = performance.now();
      const isElected = async (): Promise<boolean> => {
        const name = await holder();
        return name !== not && (await pods()).includes(name);
      };
      await until('a holder of the Lease', isElected, TAKEOVER);
      return performance.now() - began;
    }

    async function answered(): Promise<{ answers: number; failures: string[] }> {
      const lines = (await kubectl('logs', 'pod/caller', '--tail=1')).trim();
      return JSON.parse(lines === '' ? '{"answers":0,"failures":[]}' : lines) as {
        answers: number;
        failures: string[];
      };
    }

    /** What failed while `act` ran, at both: the calls of the client app, and connections to the Service. */
    async function during(act: () => Promise<void>): Promise<unknown[]> {
      const [calls, connections] = [(await client.calls()).length, (await answered()).failures.length];
      await act();
      // The last of them come into the log.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const after = await answered();
      process.stdout.write(`The Service had answered ${after.answers} calls.\n`);
      const failed = (await client.calls()).slice(calls).filter(({ ok }) => !ok);
      return [...failed, ...after.failures.slice(connections)];
    }

    beforeAll(async () => {
      const images = await loadImages(cluster());
      place = await makePlace(cluster());
      client = new SteadyClient(cluster(), place, images);
      values = { ...place.values, replicas: 2 };
      await run('install', RELEASE, CHART, '--values=-');
      await rolledOut(RELEASE, '180s');
      await client.start();
      await client.firstSuccess();
      const image = images('image: token-acquirer:0.1.0').slice('image: '.length);
      await cluster().kubectl(['apply', '--filename=-'], JSON.stringify(caller(place.acquirer, image)));
      // It has a log once it runs.
      await kubectl('wait', 'pod/caller', '--for=condition=Ready', '--timeout=120s');
      await until('calls of the Service', async () => (await answered()).answers > 10, MINUTE);
    }, CLUSTER_TIMEOUT);

    afterAll(() => release.removeAll(client, RELEASE), MINUTE);

    it('elect one of them', async () => {
      await elected();
      expect(await pods()).toHaveLength(2);
    });

    it('are upgraded and rolled back without a failed call, and hand over in seconds', async () => {
      const failed = await during(async () => {
        values = { ...values, podAnnotations: { upgraded: 'once' } };
        await run('upgrade', RELEASE, CHART, '--values=-');
        await rolledOut(RELEASE, '180s');
        await elected();
        await run('rollback', RELEASE, '1');
        await rolledOut(RELEASE, '180s');
        await elected();
      });
      expect(failed).toEqual([]);
      const transitions = await kubectl('get', `lease/${RELEASE}`, '--output=jsonpath={.spec.leaseTransitions}');
      expect(Number(transitions)).toBeGreaterThanOrEqual(2);
    });

    it('are evicted one by one, as a drain does, without a failed call', async () => {
      const failed = await during(async () => {
        for (const pod of await pods()) {
          const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod } };
          const path = `/api/v1/namespaces/${place.acquirer}/pods/${pod}/eviction`;
          const evicted = async (): Promise<boolean> =>
            cluster()
              .kubectl(['create', '--raw', path, '--filename=-'], JSON.stringify(eviction))
              .then(
                () => true,
                () => false,
              );
          await until('the eviction, which the budget delays', evicted, 2 * MINUTE);
        }
        await rolledOut(RELEASE, '180s');
        await elected();
      });
      expect(failed).toEqual([]);
    });

    it('take over within a Lease where the leader is killed, and no call of an application fails', async () => {
      const leader = await holder();
      const calls = (await client.calls()).length;
      await kubectl('delete', 'pod', leader, '--force', '--grace-period=0');
      const took = await elected(leader);
      process.stdout.write(`The other replica led after ${(took / 1000).toFixed(1)} s.\n`);
      expect((await client.calls()).slice(calls).filter(({ ok }) => !ok)).toEqual([]);
    });
  },
  { timeout: 5 * MINUTE },
);

function caller(namespace: string, image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'caller', namespace },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'caller',
          image,
          command: ['/usr/local/bin/node', '-e', CALLER, `${RELEASE}.${namespace}.svc`],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}
