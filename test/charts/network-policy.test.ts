import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { enforcePolicies } from '../cluster/policy-enforcer.ts';
import { realParts } from '../real/real-parts.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';
import { forwardPorts } from './port-forward.ts';
import { SteadyClient } from './steady-client.ts';

const ROOT = join(import.meta.dirname, '../..');
const RELEASE = 'token-acquirer';
const SOMETHING_ELSE = 9999;
const SOON = { timeout: 15_000, interval: 500 };

/** Reports whether each of its arguments, `host:port`, takes a connection. */
const REACH = `Promise.all(process.argv.slice(1).map((to) => new Promise((resolve) => {
  const [host, port] = to.split(':');
  const socket = require('net').connect({ host, port: +port });
  const tell = (open) => { socket.destroy(); resolve(open); };
  socket.setTimeout(3000, () => tell(false)).on('connect', () => tell(true)).on('error', () => tell(false));
}))).then((all) => console.log(JSON.stringify(all)));`;

const LISTEN = `require('net').createServer((socket) => socket.on('error', () => {}).end()).listen(${SOMETHING_ELSE});`;

/** A pod that does nothing but take connections, and makes some on request. */
const probe = (namespace: string, image: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'probe', namespace },
  spec: {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'probe',
        image,
        command: ['/usr/local/bin/node', '-e', LISTEN],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});

/** By their namespaces, of which one is that of pods that nobody speaks of. */
type Who = 'client' | 'acquirer' | 'services' | 'monitoring' | 'stranger';
const POLICIES = 'networkpolicies.networking.k8s.io';

describeInCluster(
  'Network policies',
  (cluster: () => TestCluster) => {
    realParts(() => enforcePolicies(cluster()), CLUSTER_TIMEOUT);
    const homes: TestNamespace[] = [];
    const addresses = new Map<Who, string>();
    let names: Readonly<Record<Who, string>>;
    let place: ChainPlace;
    let client: SteadyClient;
    let values: object;

    const kubectl = (args: readonly string[], input?: string): Promise<string> => cluster().kubectl(args, input);
    const apply = (object: object): Promise<string> => kubectl(['apply', '--filename=-'], JSON.stringify(object));
    const run = async (...args: readonly string[]): Promise<string> => {
      const latest = (await helmBinaries()).at(-1) ?? { name: 'helm 4', file: '' };
      const { kubeconfig } = cluster();
      return helm(latest, [...args, `--namespace=${place.acquirer}`], { kubeconfig, input: stringify(values) });
    };
    const reach = async (who: Who | 'token-acquirer', to: string): Promise<boolean> => {
      const pod =
        who === 'token-acquirer' ? [`deployment/${RELEASE}`, `-n=${place.acquirer}`] : ['probe', `-n=${names[who]}`];
      const output = await kubectl(['exec', ...pod, '--', '/usr/local/bin/node', '-e', REACH, to]);
      return (JSON.parse(output) as boolean[])[0] === true;
    };
    const podOf = (path: string): Promise<string> =>
      kubectl([
        'get',
        'pod',
        '-l=app.kubernetes.io/name=token-acquirer',
        `-n=${place.acquirer}`,
        `-o=jsonpath=${path}`,
      ]);

    /** The API server's address, found as the documents have it. */
    async function apiServer(): Promise<{ cidrs: string[]; ports: number[] }> {
      const args = ['get', 'endpointslices', 'kubernetes', '--namespace=default', '--output=json'];
      const { endpoints, ports } = JSON.parse(await kubectl(args)) as {
        endpoints: { addresses: string[] }[];
        ports: { port: number }[];
      };
      const cidrs = endpoints.flatMap((one) => one.addresses.map((address) => `${address}/32`));
      return { cidrs, ports: ports.map(({ port }) => port) };
    }

    beforeAll(async () => {
      const images = await loadImages(cluster());
      place = await makePlace(cluster());
      for (const name of ['monitoring', 'stranger']) homes.push(await cluster().namespace(name));
      const [monitoring = '', stranger = ''] = homes.map(({ name }) => name);
      const { client: clients, acquirer, services } = place;
      names = { client: clients, acquirer, services, monitoring, stranger };
      client = new SteadyClient(cluster(), place, images);
      const image = images('image: example-services:0.1.0').slice('image: '.length);
      for (const namespace of Object.values(names)) await apply(probe(namespace, image));
      for (const who of Object.keys(names) as Who[]) {
        await kubectl(['wait', 'pod/probe', `-n=${names[who]}`, '--for=condition=Ready', '--timeout=60s']);
        addresses.set(who, await kubectl(['get', 'pod', 'probe', `-n=${names[who]}`, '-o=jsonpath={.status.podIP}']));
      }
      const from = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': monitoring } } }];
      values = {
        ...place.values,
        replicas: 2,
        networkPolicy: { enabled: true, metricsFrom: from, apiServer: await apiServer() },
      };
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      await client.stop();
      await run('uninstall', RELEASE, '--ignore-not-found').catch(() => '');
      await Promise.all([place.remove(), ...homes.map((home) => home.remove())]);
    }, 120_000);

    it('are enforced here at all: one that lets nothing in does so while it exists', async () => {
      const open = (): Promise<boolean> => reach('monitoring', `${addresses.get('stranger')}:${SOMETHING_ELSE}`);
      const metadata = { name: 'closed', namespace: names.stranger };
      expect(await open()).toBe(true);
      await apply({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec: { podSelector: {} } });
      await expect.poll(open, SOON).toBe(false);
      await kubectl(['delete', POLICIES, 'closed', `--namespace=${names.stranger}`]);
      await expect.poll(open, SOON).toBe(true);
    });

    describe('of the chart', () => {
      beforeAll(async () => {
        await client.start();
        await run('install', RELEASE, CHART, '--values=-', '--wait');
      }, 120_000);

      it('let the first token come, a client call, and helm test pass', async () => {
        await client.firstSuccess();
        await run('test', RELEASE, '--timeout=60s');
      });

      it.each<[Who, boolean, boolean]>([
        ['client', true, false],
        ['monitoring', false, true],
        ['acquirer', false, false],
        ['services', false, false],
        ['stranger', false, false],
      ])(
        'let a pod in the namespace of %s reach the reissue endpoint (%s) and the metrics (%s)',
        async (who, ...open) => {
          const address = await podOf('{.items[0].status.podIP}');
          const reached = (): Promise<boolean[]> =>
            Promise.all([8443, 9090].map((port) => reach(who, `${address}:${port}`)));
          await expect.poll(reached, SOON).toEqual(open);
        },
      );

      it('let the token-acquirer reach the authorization server and the API server, and nothing else', async () => {
        const node = (await podOf('{.items[0].status.hostIP}')).trim();
        const table: Readonly<Record<string, boolean>> = {
          [`authorization-server.${names.services}.svc:443`]: true,
          'kubernetes.default.svc:443': true,
          [`${node}:10250`]: false,
          [`${addresses.get('stranger')}:${SOMETHING_ELSE}`]: false,
          [`${addresses.get('client')}:${SOMETHING_ELSE}`]: false,
          [`${addresses.get('acquirer')}:${SOMETHING_ELSE}`]: false,
        };
        const found = async (): Promise<object> =>
          Object.fromEntries(
            await Promise.all(Object.keys(table).map(async (to) => [to, await reach('token-acquirer', to)] as const)),
          );
        await expect.poll(found, SOON).toEqual(table);
      });

      it('let the token-acquirer reach an API server whose address is not given', async () => {
        const { ports } = await apiServer();
        const node = (await podOf('{.items[0].status.hostIP}')).trim();
        await run(
          'upgrade',
          RELEASE,
          CHART,
          '--values=-',
          `--set-json=networkPolicy.apiServer=${JSON.stringify({ cidrs: [], ports })}`,
        );
        const found = (): Promise<boolean[]> =>
          Promise.all(['kubernetes.default.svc:443', `${node}:10250`].map((to) => reach('token-acquirer', to)));
        await expect.poll(found, SOON).toEqual([true, false]);
      });

      it('leave kubectl port-forward as it is', async () => {
        const pod = await podOf('{.items[0].metadata.name}');
        const forwarded = await forwardPorts(cluster(), { namespace: place.acquirer, pod, ports: [9090] });
        try {
          const answer = await fetch(`http://${forwarded.addresses.get(9090)}/readyz`);
          expect(answer.status).toBe(200);
        } finally {
          await forwarded.stop();
        }
      });

      it("go with one that closes a client's pods, as the documents have it", async () => {
        const block = codeBlocks(ROOT).find(({ text }) => /^kind: NetworkPolicy$/m.test(text))?.text ?? '';
        const policy = parse(block) as { metadata: { namespace: string }; spec: { egress: object[] } };
        // For all pods here: the documents' policy is for one app, and those of the tests have other labels.
        const spec = { ...policy.spec, podSelector: {} };
        const text = JSON.stringify({ ...policy, spec, metadata: { ...policy.metadata, namespace: place.client } });
        const inPlace = text.replace(
          '"kubernetes.io/metadata.name":"token-acquirer"',
          `"kubernetes.io/metadata.name":"${place.acquirer}"`,
        );
        expect(inPlace).not.toBe(text);
        await kubectl(['apply', '--filename=-'], inPlace);
        const gateway = `gateway.${names.services}.svc:443`;
        await expect.poll(() => reach('client', gateway), SOON).toBe(false);
        expect(await reach('client', `${RELEASE}.${place.acquirer}.svc:8443`)).toBe(true);
        const to = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': names.services } } }];
        await apply({
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'gateway', namespace: place.client },
          spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{ to, ports: [{ port: 8443 }] }] },
        });
        await expect.poll(() => reach('client', gateway), SOON).toBe(true);
        await run('test', RELEASE, '--timeout=60s');
      });
    });
  },
  { alone: true, timeout: 150_000 },
);
