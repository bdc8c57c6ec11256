import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from '../e2e/acquirer-process.ts';
import { registerSecret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { emptySecret } from './bad-input/objects.ts';
import { Place, type Running, type Wanted } from './bad-input/place.ts';
import type { TestCluster } from './cluster.ts';
import { loadImages } from './example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const MINUTE = 60_000;
/** As people copy it from the documents. */
const SELECTOR = 'app.kubernetes.io/name=billing-app';

/** The mistake that people make first: the label of the pod is another than that of the selector. */
describeInCluster('a selector that matches no pod', (cluster: () => TestCluster) => {
  let place: Place;
  let running: Running;
  let wanted: Wanted;
  let began: number;

  beforeAll(async () => {
    place = await Place.open(cluster());
    wanted = { namespace: place.apps.name, secret: 'billing-tokens', selector: SELECTOR };
    await place.apply(emptySecret(wanted.namespace, wanted.secret));
    await place.grant(wanted.namespace, wanted.secret);
    const image = (await loadImages(cluster()))('image: example-services:0.1.0').replace('image: ', '');
    running = await place.run([wanted]);
    await until('the suspension', async () => (await running.report(wanted)).state === 'Suspended', MINUTE);
    await place.apply(podWith(image));
    began = performance.now();
  }, CLUSTER_TIMEOUT);

  afterAll(() => place?.close(), MINUTE);

  /** Its volume lists `items`, so it stays in ContainerCreating until the token exists. */
  function podWith(image: string): V1Pod {
    const { namespace, secret } = wanted;
    const items = ['dynamics', 'dynamics.json'].map((key) => ({ key, path: key }));
    const container = {
      name: 'app',
      image,
      imagePullPolicy: 'Never',
      command: ['/usr/local/bin/node', '-e', "process.on('SIGTERM',()=>process.exit(0));setInterval(()=>{},1000)"],
      volumeMounts: [{ name: 'tokens', mountPath: '/var/run/tokens', readOnly: true }],
    };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'billing-app', namespace, labels: { app: 'billing-app' } },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [container],
        volumes: [{ name: 'tokens', secret: { secretName: secret, items } }],
      },
    };
  }

  const phase = async (): Promise<string> =>
    (
      await place.kubectl(
        'get',
        'pod',
        'billing-app',
        `--namespace=${wanted.namespace}`,
        '--output=jsonpath={.status.phase}',
      )
    ).trim();

  it(
    'keeps no pod waiting: it starts within a minute, with a token',
    async () => {
      const left = MINUTE - (performance.now() - began);
      await until('the pod', async () => (await phase()) === 'Running', Math.max(left, 0));
      expect((await running.report(wanted)).state).toBe('Valid');
    },
    2 * MINUTE,
  );

  it(
    'is reported within a minute: an event, the status with exit code 1, and the metric of the alert',
    async () => {
      const words = `The selector ${SELECTOR} matches no pod in the namespace ${wanted.namespace} that is Pending or Running. The pod billing-app uses the Secret billing-tokens and has the labels app=billing-app.`;
      const left = Math.max(0, MINUTE - (performance.now() - began));
      const events = async () => (await place.events(wanted)).filter(({ reason }) => reason === 'PodsNotSelected');
      await expect
        .poll(async () => (await events())[0]?.message, { timeout: left + 1000, interval: 200 })
        .toContain(words);
      expect((await events())[0]?.type).toBe('Warning');
      const url = await running.process.url('status');
      const status = await command(['status', '--status-url', url]);
      expect(status.code).toBe(1);
      expect(status.stdout).toContain(words);
      expect(await running.process.metrics()).toMatch(/condition_unhealthy\{.*type="SelectorMatches"\} 1/);
    },
    2 * MINUTE,
  );

  it(
    'does not hide another one: a ServiceAccount that is missing from clients is reported, and forgotten once it is added',
    async () => {
      const { apps } = place;
      const name = `${wanted.namespace}/${wanted.secret}/dynamics`;
      await place.kubectl('create', 'serviceaccount', 'other-app', `--namespace=${apps.name}`);
      const of = async (account: string, namespace: string): Promise<string> => {
        const args = ['create', 'token', account, `--namespace=${namespace}`, '--audience=token-acquirer'];
        return registerSecret((await place.kubectl(...args)).trim(), 'a ServiceAccount token of the test cluster');
      };
      const [other, stranger] = [await of('other-app', apps.name), await of('default', 'kube-system')];
      const path = `/v1/namespaces/${wanted.namespace}/secrets/${wanted.secret}/tokens/dynamics/reissue`;
      const url = new URL(path, await running.process.url('reissue'));
      const call = async (token: string): Promise<number> => {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const body = JSON.stringify({ rejected_sha256: '0'.repeat(64), error: 'invalid_token' });
        return (await fetch(url, { method: 'POST', headers, body })).status;
      };
      const events = async () => (await place.events(wanted)).filter(({ reason }) => reason === 'CallerNotInClients');
      const condition = async () => running.condition(wanted, 'CallersKnown');

      // Of another namespace: counted, and nothing else.
      for (let times = 0; times < 20; times += 1) expect(await call(stranger)).toBe(403);
      expect(await condition()).toBeUndefined();
      for (let times = 0; times < 20; times += 1) expect(await call(other)).toBe(403);
      const words = `The ServiceAccount ${apps.name}/other-app asks for this token, but is not among its clients`;
      await expect.poll(async () => (await condition())?.message, { timeout: MINUTE }).toContain(words);
      await expect
        .poll(async () => (await events()).map(({ message }) => message), { timeout: MINUTE })
        .toEqual([expect.stringContaining(words)]);
      const statusUrl = await running.process.url('status');
      const asked = ['status', '--unhealthy', '--namespace', apps.name, '--status-url', statusUrl];
      const status = await command(asked);
      expect(status.code).toBe(1);
      expect(status.stdout).toContain(`${name}: CallersKnown=False (CallerNotInClients)\n  ${words}`);
      const metrics = await running.process.metrics();
      const labels = `namespace="${apps.name}",secret="billing-tokens",name="dynamics"`;
      expect(metrics).toContain(`token_acquirer_refused_calls_total{${labels},status="403"} 40`);
      expect(metrics).toContain(
        `token_acquirer_condition{${labels},authorization_server="corporate",type="CallersKnown",status="false",reason="CallerNotInClients"} 1`,
      );

      const configuration = place.configuration([wanted]) as { tokens: { clients: object[] }[] };
      const added = { namespace: apps.name, serviceAccount: 'other-app' };
      const tokens = configuration.tokens.map((token) => ({ ...token, clients: [...token.clients, added] }));
      running.workplace.configure({ ...configuration, tokens });
      await until('the condition', async () => (await condition())?.status === 'True', MINUTE);
      // The connection that was idle in the meantime may end at this moment.
      await expect.poll(() => call(other).catch(String), { timeout: MINUTE }).toBe(200);
      expect(await events()).toHaveLength(1);
    },
    2 * MINUTE,
  );
});
