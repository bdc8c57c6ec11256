import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1Pod,
} from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createEventLog } from '../../src/adapters/kubernetes/events/event-log.ts';
import { createPodExecutionState } from '../../src/adapters/kubernetes/pods/pod-execution-state.ts';
import { createPodWatches, type PodWatches } from '../../src/adapters/kubernetes/pods/pod-watch.ts';
import { createVolumeNudge } from '../../src/adapters/kubernetes/pods/volume-nudge.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { ClientApp, ExecutionState, SelectedPods } from '../../src/ports/execution-state.ts';
import { type AppUnderTest, describeExecutionState } from '../contract/execution-state.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { loadImages } from './example/images.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const ANNOTATION = 'token-acquirer.dev/volume-refreshed-at';
const POLICY = readFileSync(join(import.meta.dirname, '../../manifests/admission-policy.yaml'), 'utf8');
const ACCOUNT = 'acquirer';
const SOON = { timeout: 30_000, interval: 50 };
const clock = createSystemClock();

/** Writes its file to the log at each change, with the time. The image has no shell, but Node. */
const READER = `const fs=require('fs');let last;setInterval(()=>{let text='';try{text=fs.readFileSync('/tokens/dynamics','utf8')}catch{}
if(text!==last){last=text;console.log(Date.now()+' '+text)}},10);process.on('SIGTERM',()=>process.exit(0))`;

/** The API server, and whenever a test wants it one that rejects connections: watches end immediately. */
class BreakableApi implements ApiServer {
  readonly #live: ApiServer;
  readonly #dead: ApiServer;
  #present: ApiServer;

  constructor(live: ApiServer, dead: ApiServer) {
    this.#live = live;
    this.#dead = dead;
    this.#present = live;
  }

  get configuration() {
    return this.#present.configuration;
  }

  get kubeConfig() {
    return this.#present.kubeConfig;
  }

  get baseUrl() {
    return this.#present.baseUrl;
  }

  open(path: string, signal: AbortSignal) {
    return this.#present.open(path, signal);
  }

  close() {
    return this.#present.close();
  }

  async break(): Promise<void> {
    this.#present = this.#dead;
    await this.#live.close();
  }

  mend(): void {
    this.#present = this.#live;
  }
}

describeInCluster('pods in a cluster', (cluster: () => TestCluster) => {
  let admin: ApiServer;
  let core: CoreV1Api;
  let home: TestNamespace;
  let namespace: string;
  let acquirer: ReturnType<typeof apiServerAs>;
  let breakable: BreakableApi;
  let removeBreakable: () => Promise<void>;
  const opened: PodWatches[] = [];

  beforeAll(async () => {
    admin = kubeconfigApiServer(cluster().kubeconfig);
    core = new CoreV1Api(admin.configuration);
    home = await cluster().namespace('pods');
    namespace = home.name;
    const accounts = new ServiceAccounts(admin, namespace);
    await accounts.create(ACCOUNT);
    await grant();
    const token = await accounts.token(ACCOUNT, { seconds: 3600 });
    acquirer = apiServerAs(token, cluster().api);
    const nowhere = new KubeConfig();
    nowhere.loadFromClusterAndUser(
      { name: 'nowhere', server: 'https://127.0.0.1:1', skipTLSVerify: false },
      { name: 'none' },
    );
    const [live, dead] = [apiServerAs(token, cluster().api), apiServerAs(token, nowhere)];
    breakable = new BreakableApi(live.api, dead.api);
    removeBreakable = async () => {
      await live.stop();
      await dead.stop();
    };
    await until('the permission to list pods', async () => (await statusOfList()) === 200, 30_000);
  }, CLUSTER_TIMEOUT);

  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
    breakable.mend();
  });

  afterAll(async () => {
    await removeBreakable();
    await acquirer.stop();
    await home.remove();
    await admin.close();
  }, 60_000);

  async function grant(): Promise<void> {
    const rbac = new RbacAuthorizationV1Api(admin.configuration);
    const rules = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    ];
    const metadata = { name: ACCOUNT };
    await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT };
    const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
    await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
  }

  async function statusOfList(): Promise<number> {
    const list = new CoreV1Api(acquirer.api.configuration).listNamespacedPod({ namespace });
    return list.then(
      () => 200,
      (error: unknown) => statusOf(error) ?? 0,
    );
  }

  function watches(api: ApiServer): PodWatches {
    const one = createPodWatches(api, { clock, grace: 500 });
    opened.push(one);
    return one;
  }

  /** A pod that waits for a node that there is not: that is enough to count. */
  async function createPod(name: string, app: string, spec: Partial<V1Pod['spec']> = {}): Promise<void> {
    const body: V1Pod = {
      metadata: { name, labels: { app } },
      spec: {
        automountServiceAccountToken: false,
        nodeSelector: { 'token-acquirer.test/no-such-node': 'true' },
        containers: [{ name: 'app', image: 'none.invalid/none' }],
        ...spec,
      },
    };
    await core.createNamespacedPod({ namespace, body });
  }

  async function deletePod(name: string): Promise<void> {
    await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
  }

  async function createSecret(text: string): Promise<string> {
    const name = `tokens-${randomUUID().slice(0, 8)}`;
    await core.createNamespacedSecret({ namespace, body: { metadata: { name }, stringData: { dynamics: text } } });
    return name;
  }

  describe('as they are followed', () => {
    function appUnderTest(): AppUnderTest {
      const app = `app-${randomUUID().slice(0, 8)}`;
      let exists = false;
      return {
        app: { namespace, selector: `app=${app}` },
        async start() {
          breakable.mend();
          if (!exists) await createPod(app, app);
          exists = true;
        },
        async stop() {
          if (exists) await deletePod(app);
          exists = false;
        },
        obscure: () => breakable.break(),
      };
    }

    describeExecutionState('Pods at a real API server', async () => {
      const state = createPodExecutionState(watches(breakable), { clock });
      const asSelected = (app: ClientApp): SelectedPods => app as SelectedPods;
      const anyApp: ExecutionState = {
        observe: (app) => state.observe(asSelected(app)),
        watch: (app, changed) => state.watch(asSelected(app), changed),
        findings: (app, secret) => state.findings(asSelected(app), secret),
      };
      const apps = [appUnderTest(), appUnderTest()] as const;
      return {
        state: anyApp,
        apps,
        async close() {
          await Promise.all(apps.map((app) => app.stop()));
        },
      };
    });

    it('warn of subPath and environment, as the API server describes the pod', async () => {
      const secret = await createSecret('x');
      const volumes = [{ name: 't', projected: { sources: [{ secret: { name: secret } }] } }];
      const volumeMounts = [{ name: 't', mountPath: '/t/dynamics', subPath: 'dynamics' }];
      const envFrom = [{ secretRef: { name: secret } }];
      const containers = [{ name: 'app', image: 'none.invalid/none', volumeMounts }];
      const initContainers = [{ name: 'first', image: 'none.invalid/none', envFrom }];
      await createPod(`of-${secret}`, secret, { volumes, containers, initContainers });
      const state = createPodExecutionState(watches(acquirer.api), { clock });
      const app = { namespace, selector: `app=${secret}` };
      state.watch(app, () => {});
      await expect.poll(() => state.observe(app), SOON).toBe('running');
      const findings = state.findings(app, { namespace, secret }).filter(({ healthy }) => !healthy);
      const messages = findings.map(({ message }) => message);
      expect(messages).toEqual([
        expect.stringContaining(`container app of pod of-${secret}, which mounts a file of it with subPath`),
        expect.stringContaining(`container first of pod of-${secret}, which reads it into environment variables`),
      ]);
    });

    it.each<{ name: string; app: () => SelectedPods; because: string }>([
      {
        name: 'a selector that is none',
        app: () => ({ namespace, selector: 'app in (' }),
        because: 'may not be a label selector',
      },
      {
        name: 'a namespace without the permission',
        app: () => ({ namespace: 'kube-system', selector: 'app=x' }),
        because: 'may not list pods',
      },
    ])('say why nothing is known: $name', async ({ app, because }) => {
      const state = createPodExecutionState(watches(acquirer.api), { clock });
      state.watch(app(), () => {});
      const secret = { namespace, secret: 'x' };
      await expect.poll(() => state.findings(app(), secret)[0]?.message, SOON).toContain(because);
      expect(state.observe(app())).toBe('unknown');
    });
  });

  describe('as they are nudged', () => {
    let nodeImage: string;
    let policy: string;
    const policyName = `nudge-${randomUUID().slice(0, 8)}`;
    const text = () =>
      POLICY.replaceAll('token-acquirer-volume-nudge', policyName).replace(
        'system:serviceaccount:token-acquirer:token-acquirer',
        `system:serviceaccount:${namespace}:${ACCOUNT}`,
      );

    beforeAll(async () => {
      const images = await loadImages(cluster());
      nodeImage = images('image: example-services:0.1.0').replace('image: ', '');
      policy = text();
    }, CLUSTER_TIMEOUT);

    afterAll(() => cluster().kubectl(['delete', '--ignore-not-found', '-f', '-'], policy), 60_000);

    function nudging() {
      const faults: string[] = [];
      const nudge = createVolumeNudge(acquirer.api, watches(acquirer.api), {
        clock,
        onFault: (message) => faults.push(message),
      });
      return { nudge, faults };
    }

    async function startReader(secret: string, label?: string): Promise<string> {
      const name = `reader-${randomUUID().slice(0, 8)}`;
      const container = {
        name: 'app',
        image: nodeImage,
        imagePullPolicy: 'Never',
        command: ['/usr/local/bin/node', '-e', READER],
        volumeMounts: [{ name: 'tokens', mountPath: '/tokens' }],
      };
      const volumes = [{ name: 'tokens', secret: { secretName: secret } }];
      await createPod(name, label ?? name, { nodeSelector: {}, containers: [container], volumes });
      await expect
        .poll(async () => (await core.readNamespacedPod({ namespace, name })).status?.phase, SOON)
        .toBe('Running');
      return name;
    }

    async function seen(pod: string): Promise<readonly { at: number; text: string }[]> {
      const lines = (await cluster().kubectl(['logs', pod, `--namespace=${namespace}`])).split('\n');
      return lines
        .filter((line) => line !== '')
        .map((line) => ({ at: Number(line.split(' ')[0]), text: line.split(' ')[1] ?? '' }));
    }

    async function patchStatus(pod: string, body: object): Promise<number> {
      const header = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      const patch = new CoreV1Api(acquirer.api.configuration).patchNamespacedPodStatus(
        { namespace, name: pod, body },
        header,
      );
      return patch.then(
        () => 200,
        (error: unknown) => statusOf(error) ?? 0,
      );
    }

    it('only with the policy, which passes the annotation and nothing else', async () => {
      const secret = await createSecret('first');
      const pod = await startReader(secret);
      const app = { namespace, selector: `app=${pod}` };
      const { nudge, faults } = nudging();
      void nudge.nudge({ namespace, secret }, app);
      await expect.poll(() => faults, SOON).toEqual([expect.stringContaining('is not in force')]);
      expect((await core.readNamespacedPod({ namespace, name: pod })).metadata?.annotations).toBeUndefined();

      await cluster().kubectl(['apply', '-f', '-'], policy);
      // A new policy takes effect a moment later.
      await expect.poll(() => nudge.check([app]), SOON).toBeUndefined();

      const time = { [ANNOTATION]: new Date().toISOString() };
      expect(await patchStatus(pod, { metadata: { annotations: time } })).toBe(200);
      for (const refused of [
        { metadata: { annotations: { ...time, other: 'x' } } },
        { metadata: { annotations: { [ANNOTATION]: 'anything but a time' } } },
        { metadata: { labels: { app: 'other' } } },
        { metadata: { labels: null } },
        { metadata: { finalizers: ['token-acquirer.test/stays'] } },
        { status: { phase: 'Failed' } },
        { status: { podIP: '10.9.9.9' } },
        { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      ]) {
        expect([JSON.stringify(refused), await patchStatus(pod, refused)]).toEqual([JSON.stringify(refused), 403]);
      }
      // The API server itself takes no image along.
      await patchStatus(pod, { spec: { containers: [{ name: 'app', image: 'evil' }] } });
      const { spec } = await core.readNamespacedPod({ namespace, name: pod });
      expect(spec?.containers[0]?.image).toBe(nodeImage);
      // The kubelet goes on: the pod's end is a change of its status.
      await core.deleteNamespacedPod({ namespace, name: pod, gracePeriodSeconds: 1 });
      await expect
        .poll(() => core.readNamespacedPod({ namespace, name: pod }).then(() => 200, statusOf), SOON)
        .toBe(404);
    });

    it('so that the file follows within a second', async () => {
      await cluster().kubectl(['apply', '-f', '-'], policy);
      const secret = await createSecret('token-0');
      const pod = await startReader(secret);
      const app = { namespace, selector: `app=${pod}` };
      const { nudge, faults } = nudging();
      await expect.poll(() => nudge.check([app]), SOON).toBeUndefined();
      const lags: number[] = [];
      for (let round = 1; round <= 5; round += 1) {
        const began = Date.now();
        const body = { stringData: { dynamics: `token-${round}` } };
        const header = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
        await core.patchNamespacedSecret({ namespace, name: secret, body }, header);
        void nudge.nudge({ namespace, secret }, app);
        const found = async () => (await seen(pod)).find((line) => line.text === `token-${round}`);
        await expect.poll(found, SOON).toBeDefined();
        lags.push(((await found())?.at ?? 0) - began);
      }
      expect(faults).toEqual([]);
      const median = lags.toSorted((a, b) => a - b)[2];
      expect(median, `lags in milliseconds: ${lags.join(', ')}`).toBeLessThan(1000);
    });

    it('so that the file of another app with the same Secret follows, too', async () => {
      await cluster().kubectl(['apply', '-f', '-'], policy);
      const secret = await createSecret('token-0');
      const [selected, other] = await Promise.all([startReader(secret), startReader(secret, 'another-app')]);
      const app = { namespace, selector: `app=${selected}` };
      const followed = watches(acquirer.api);
      followed.get(namespace, app.selector).subscribe(() => {});
      const nudge = createVolumeNudge(acquirer.api, followed, { clock, onFault: () => undefined });
      await expect.poll(() => nudge.check([app]), SOON).toBeUndefined();
      const began = Date.now();
      const header = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      await core.patchNamespacedSecret({ namespace, name: secret, body: { stringData: { dynamics: 'new' } } }, header);
      void nudge.nudge({ namespace, secret }, app);
      for (const pod of [selected, other]) {
        const found = async () => (await seen(pod)).find(({ text: token }) => token === 'new');
        await expect.poll(found, SOON).toBeDefined();
        // The kubelet by itself takes 40 to 90 s.
        expect(((await found())?.at ?? Infinity) - began).toBeLessThan(15_000);
      }
    });
  });

  describe('as what happens is reported', () => {
    it('in events about the token Secret, counted where they repeat', async () => {
      const faults: string[] = [];
      let moved = 0;
      const moving = { ...clock, monotonic: () => clock.monotonic() + moved };
      const log = createEventLog(acquirer.api, { clock: moving, onFault: (message) => faults.push(message) });
      const identity = { namespace, secret: 'billing-tokens', name: 'dynamics' };
      const suspended = { kind: 'suspended', message: 'é'.repeat(2000) } as const;
      const events = async () => {
        const fieldSelector = 'involvedObject.kind=Secret,involvedObject.name=billing-tokens';
        return (await core.listNamespacedEvent({ namespace, fieldSelector })).items;
      };
      log.token(identity, suspended);
      await expect.poll(events, SOON).toHaveLength(1);
      moved += 60_000;
      log.token(identity, suspended);
      await expect.poll(async () => (await events())[0]?.count, SOON).toBe(2);
      log.token({ ...identity, namespace: 'kube-system' }, suspended);
      await expect.poll(() => faults, SOON).toEqual([expect.stringContaining('create events')]);
      const listed = await cluster().kubectl(['events', `--namespace=${namespace}`, '--for=secret/billing-tokens']);
      expect(listed).toContain('Token dynamics: ééé');
    });
  });
});
