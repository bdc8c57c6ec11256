import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createSecretTokenStore } from '../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { SecretWatch } from '../../src/adapters/kubernetes/secrets/secret-watch.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createSystemRandom } from '../../src/adapters/node/system-random.ts';
import { describeStoreWatch } from '../contract/store-watch.ts';
import { AcquirerProcess } from '../e2e/acquirer-process.ts';
import { type Stage, stages } from '../e2e/stage.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const ACCOUNT = 'acquirer';
const ROLE = 'token-secrets';
/** What is promised of a Secret that is watched, and of one that is not. */
const [WATCHED, LOOKED_AT] = [2000, 30_000];
/** Renewed every 2 s. */
const BUSY = 'busy';
const UNWATCHED = 'unwatched';
const CONTESTED = 'contested';
const LEAVING = 'leaving';

type Data = Readonly<Record<string, string>>;
type Deed = (bench: Bench, name: string) => Promise<unknown>;

/** What people and GitOps tools do to a token Secret. */
const DEEDS: readonly [sentence: string, name: string, deed: Deed][] = [
  ['emptied by kubectl replace', 'replaced', (bench, name) => bench.replace(name)],
  ['made anew by kubectl replace --force', 'forced', (bench, name) => bench.replace(name, ['--force'])],
  ['emptied by a patch', 'emptied', (bench, name) => bench.patch(name, { data: null })],
  ['of which a key is edited by hand', 'edited', (bench, name) => bench.patch(name, { data: { dynamics: text('x') } })],
  [
    'of which a document is edited by hand',
    'document',
    (bench, name) => bench.patch(name, { data: { 'dynamics.json': text('{}') } }),
  ],
  ['of which a key is deleted', 'deleted', (bench, name) => bench.patch(name, { data: { dynamics: null } })],
  [
    'of which a document is deleted',
    'stripped',
    (bench, name) => bench.patch(name, { data: { 'dynamics.json': null } }),
  ],
  [
    'that is deleted, and made again a moment later',
    'anew',
    async (bench, name) => {
      await bench.kubectl(['delete', 'secret', name]);
      await bench.kubectl(['create', 'secret', 'generic', name]);
    },
  ],
];
/** Not of the token-acquirer that runs here. */
const BARE = ['bare-one', 'bare-two'] as const;
const SECRETS = [...DEEDS.map(([, name]) => name), BUSY, UNWATCHED, CONTESTED, LEAVING];

function text(plain: string): string {
  return Buffer.from(plain).toString('base64');
}

/** A token-acquirer in its own process, with the permissions that the chart gives it, and someone who may do all. */
class Bench {
  readonly began = new Date();
  readonly cluster: TestCluster;
  readonly admin: ApiServer;
  readonly core: CoreV1Api;
  readonly namespace: TestNamespace;
  readonly accounts: ServiceAccounts;
  readonly stage: Stage;
  #process: AcquirerProcess | undefined;

  private constructor(cluster: TestCluster, namespace: TestNamespace, stage: Stage) {
    this.cluster = cluster;
    this.admin = kubeconfigApiServer(cluster.kubeconfig);
    this.core = new CoreV1Api(this.admin.configuration);
    this.namespace = namespace;
    this.accounts = new ServiceAccounts(this.admin, namespace.name);
    this.stage = stage;
  }

  static async start(cluster: TestCluster, stage: Stage): Promise<Bench> {
    const bench = new Bench(cluster, await cluster.namespace('watch-repair'), stage);
    const { name: namespace } = bench.namespace;
    for (const name of [...SECRETS, ...BARE])
      await bench.core.createNamespacedSecret({ namespace, body: { metadata: { name } } });
    await bench.accounts.create(ACCOUNT);
    await bench.allow();
    await bench.#run(await bench.accounts.token(ACCOUNT, { seconds: 3600 }));
    return bench;
  }

  get process(): AcquirerProcess {
    if (this.#process === undefined) throw new Error('The token-acquirer was not started.');
    return this.#process;
  }

  /** All Secrets but one may be watched. */
  async allow(): Promise<void> {
    const { name: namespace } = this.namespace;
    const rbac = new RbacAuthorizationV1Api(this.admin.configuration);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ROLE };
    const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
    await rbac.createNamespacedRole({ namespace, body: { metadata: { name: ROLE }, rules: this.#rules([UNWATCHED]) } });
    await rbac.createNamespacedRoleBinding({ namespace, body: { metadata: { name: ROLE }, roleRef, subjects } });
  }

  async forbidToWatch(names: readonly string[]): Promise<void> {
    const rbac = new RbacAuthorizationV1Api(this.admin.configuration);
    const body = { metadata: { name: ROLE }, rules: this.#rules(names) };
    await rbac.replaceNamespacedRole({ namespace: this.namespace.name, name: ROLE, body });
  }

  #rules(unwatched: readonly string[]) {
    const rule = (verbs: string[], resourceNames: string[]) => ({
      apiGroups: [''],
      resources: ['secrets'],
      verbs,
      resourceNames,
    });
    const all = [...SECRETS, ...BARE];
    const watched = all.filter((name) => !unwatched.includes(name));
    return [rule(['get', 'patch'], all), rule(['watch'], watched)];
  }

  /** The API server as the token-acquirer sees it. */
  async connect(): Promise<{ api: ApiServer; stop(): Promise<void> }> {
    return apiServerAs(await this.accounts.token(ACCOUNT), this.cluster.api);
  }

  async #run(token: string): Promise<void> {
    const { workplace } = this.stage;
    const { name: namespace } = this.namespace;
    const { tokens, ...rest } = this.stage.configuration({ secrets: SECRETS }) as {
      tokens: readonly { secret: { name: string } }[];
    };
    workplace.configure({
      ...rest,
      propagation: { watch: true },
      tokens: tokens.map((one) => ({
        ...one,
        secret: { ...one.secret, namespace },
        ...(one.secret.name === BUSY && { renewal: { interval: '2s' } }),
      })),
    });
    const server = this.cluster.api.getCurrentCluster();
    if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
    const config = new KubeConfig();
    config.loadFromClusterAndUser(server, { name: ACCOUNT, token });
    const kubeconfig = join(workplace.root, 'kubeconfig');
    writeFileSync(kubeconfig, config.exportConfig(), { mode: 0o600 });
    const folders = ['--config', workplace.config, '--credentials', workplace.credentials, '--state', workplace.state];
    const addresses = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    this.#process = AcquirerProcess.start(['run', ...folders, ...addresses, '--kubeconfig', kubeconfig]);
    for (const name of SECRETS) await until(`The token of ${name}`, async () => isWhole(await this.data(name)), 30_000);
    // Watches begin within a second of the start.
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }

  /** Base64 by key. */
  async data(name: string): Promise<Data> {
    return (await this.core.readNamespacedSecret({ namespace: this.namespace.name, name })).data ?? {};
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return this.cluster.kubectl([...args, `--namespace=${this.namespace.name}`], input);
  }

  /** As GitOps does it with what is in Git: a Secret without data. */
  replace(name: string, more: readonly string[] = []): Promise<string> {
    const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'Opaque' };
    return this.kubectl(['replace', ...more, '--filename=-'], JSON.stringify(manifest));
  }

  patch(name: string, patch: object): Promise<string> {
    return this.kubectl(['patch', 'secret', name, '--type=merge', `--patch=${JSON.stringify(patch)}`]);
  }

  /** Resolves with the milliseconds until the Secret holds this again. */
  async untilRestored(name: string, wanted: Data, within: number): Promise<number> {
    const began = performance.now();
    const isRestored = async (): Promise<boolean> => JSON.stringify(await this.data(name)) === JSON.stringify(wanted);
    await until(`The token of ${name}`, isRestored, within);
    return performance.now() - began;
  }

  logged(kind: string, name: string) {
    return this.process.lines.filter((line) => line['event'] === kind && String(line['token']).includes(`/${name}/`));
  }

  async stop(): Promise<void> {
    await this.#process?.end();
    await this.namespace.remove();
    await this.admin.close();
  }
}

function isWhole(data: Data): boolean {
  return data['dynamics'] !== undefined && data['dynamics.json'] !== undefined;
}

describeInCluster('A token-acquirer whose Secrets others change', (cluster) => {
  const { open, closeAll } = stages();
  let bench: Bench;
  let unwatched: Promise<number>;

  beforeAll(async () => {
    bench = await Bench.start(cluster(), await open({ lifetime: 3600 }));
    const wanted = await bench.data(UNWATCHED);
    await bench.patch(UNWATCHED, { data: { dynamics: text('edited') } });
    // Goes on next to the other tests, which need not wait for it.
    unwatched = bench.untilRestored(UNWATCHED, wanted, LOOKED_AT + WATCHED);
    unwatched.catch(() => {});
  }, CLUSTER_TIMEOUT);
  afterAll(async () => {
    await bench?.stop();
    await closeAll();
  });

  it.each(DEEDS)('gives a Secret %s its token again within 2 s', async (_sentence, name, deed) => {
    const wanted = await bench.data(name);
    await deed(bench, name);
    expect(await bench.untilRestored(name, wanted, WATCHED)).toBeLessThan(WATCHED);
    await until('The report of it', () => bench.logged('token-repaired', name).length > 0, WATCHED);
  });

  it('repairs a Secret that is changed again and again each time, and reports that', async () => {
    const wanted = await bench.data(CONTESTED);
    for (let count = 0; count < 5; count += 1) {
      await bench.patch(CONTESTED, { data: { dynamics: text(`edited ${count}`) } });
      expect(await bench.untilRestored(CONTESTED, wanted, WATCHED)).toBeLessThan(WATCHED);
    }
    const said = () => bench.logged('token-repaired', CONTESTED).map(({ message }) => String(message));
    await until('The report of it', () => said().some((message) => message.includes('again and again')), WATCHED);
  });

  it('notices and reports a Secret that may be watched no more', async () => {
    const { api, stop } = await bench.connect();
    const reference = { namespace: bench.namespace.name, secret: LEAVING };
    const store = createSecretTokenStore(api);
    const faults: string[] = [];
    const onFault = (message: string): void => void faults.push(message);
    const parts = { clock: createSystemClock(), random: createSystemRandom(), onFault };
    // Permissions are checked when a watch begins.
    const watch = new SecretWatch(api, store, { ...parts, lasts: 6 });
    try {
      let reports = 0;
      await store.read(reference, ['dynamics', 'dynamics.json']);
      watch.watch(reference, 'dynamics', () => void (reports += 1));
      watch.enable(true);
      await bench.patch(LEAVING, { metadata: { labels: { watched: 'yes' } } });
      await until('The news', () => reports > 0, 10_000);
      expect(faults).toEqual([]);
      await bench.forbidToWatch([UNWATCHED, LEAVING]);
      await until('The rejection', () => faults.length > 0, 20_000);
      expect(faults).toEqual([expect.stringContaining(`(verb watch, resource secrets, resourceNames ${LEAVING})`)]);
    } finally {
      watch.close();
      await stop();
    }
  });

  describeStoreWatch('The Secrets of a cluster', async () => {
    const { api, stop } = await bench.connect();
    const store = createSecretTokenStore(api);
    const parts = { clock: createSystemClock(), random: createSystemRandom(), onFault: () => undefined };
    const watch = new SecretWatch(api, store, parts);
    const [one, two] = BARE.map((name) => ({ namespace: bench.namespace.name, secret: name }));
    if (one === undefined || two === undefined) throw new Error('Two Secrets are needed.');
    return {
      watch,
      secrets: [one, two],
      // A second to begin within, and one for the API server to answer.
      watching: () => new Promise((resolve) => setTimeout(resolve, 2000)),
      async edit({ secret: name }, changes) {
        const data = Object.entries(changes).map(([key, plain]) => [key, plain === undefined ? null : text(plain)]);
        await bench.patch(name, { data: Object.fromEntries(data) });
      },
      write: (secret, changes) => store.write(secret, changes),
      async stop() {
        watch.close();
        await stop();
      },
    };
  });

  it('reports a Secret that may not be watched once, and repairs it within 30 s', async () => {
    expect(await unwatched).toBeLessThan(LOOKED_AT + WATCHED);
    const warnings = bench.process.lines.filter(
      ({ event, message }) => event === 'warning' && String(message).includes('cannot be watched'),
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining(`(verb watch, resource secrets, resourceNames ${UNWATCHED})`),
    ]);
  });

  it('still renews a token by one request, though its Secret is watched', async (context) => {
    const { node } = bench.cluster;
    if (node === undefined) return context.skip('The cluster has no log of its requests.');
    const before = bench.logged('token-stored', BUSY).length;
    expect(before).toBeGreaterThan(5);
    await bench.process.end();
    const written = bench.logged('token-stored', BUSY).length;
    const user = bench.accounts.nameOf(ACCOUNT);
    const requests = (await node.requestsSince(bench.began)).filter(
      ({ user: { username }, objectRef }) => username === user && objectRef?.name === BUSY,
    );
    // A watch is in it twice: as it began, and as it ended.
    const times = (verb: string): number[] => {
      const found = requests.filter((one) => one.verb === verb).map((one) => Date.parse(one.requestReceivedTimestamp));
      return [...new Set(found)].toSorted((one, other) => one - other);
    };
    const patches = times('patch');
    expect(patches).toHaveLength(written);
    // At the start, and once more where its watch began while the first read was under way.
    const reads = times('get');
    const [, firstRenewal = Number.NaN] = patches;
    expect(reads.length).toBeLessThanOrEqual(2);
    expect(reads.filter((read) => !(read < firstRenewal))).toEqual([]);
    expect(times('watch')).toHaveLength(1);
    expect(times('list')).toEqual([]);
  });
});
