import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import type { KubernetesObject } from '../support/manifests.ts';
import { newToken, type ScriptedTokenServer, startScriptedTokenServer } from '../support/scripted-token-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { CHART, type HELMS, minimal, tokenWith } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const RELEASE = 'token-acquirer';
const SECRETS = ['billing-tokens', 'orders-tokens'] as const;
type Helm = (typeof HELMS)[number];
type Kept = Readonly<Record<(typeof SECRETS)[number], Stored>>;

interface Stored {
  readonly uid: string;
  readonly version: string;
  readonly data: Readonly<Record<string, string>>;
}

/**
 * A release whose own pod never starts, and a token-acquirer outside with the configuration and the permissions that the
 * chart gives: what a sync does to its Secrets is seen without an image.
 */
class Site {
  readonly cluster: TestCluster;
  readonly home: TestNamespace;
  readonly apps: TestNamespace;
  readonly #tokens: ScriptedTokenServer;
  readonly #workplace = new Workplace();
  #acquirer: AcquirerProcess | undefined;

  private constructor(cluster: TestCluster, [home, apps]: readonly TestNamespace[], tokens: ScriptedTokenServer) {
    this.cluster = cluster;
    this.home = home as TestNamespace;
    this.apps = apps as TestNamespace;
    this.#tokens = tokens;
  }

  static async open(cluster: TestCluster): Promise<Site> {
    const namespaces = await Promise.all([cluster.namespace('gitops-home'), cluster.namespace('gitops-apps')]);
    return new Site(cluster, namespaces, await startScriptedTokenServer(() => ({ body: newToken(600) })));
  }

  values(): object {
    const tokens = SECRETS.map((name) =>
      tokenWith({ secret: { namespace: this.apps.name, name }, clientApp: undefined }),
    );
    const authorizationServers = { corporate: { tokenEndpoint: this.#tokens.url } };
    const image = { repository: 'no-such-image', pullPolicy: 'Never' };
    return JSON.parse(JSON.stringify(minimal({ image }, { authorizationServers, tokens }))) as object;
  }

  async #helm(name: Helm, ...args: readonly string[]): Promise<string> {
    const binary = (await helmBinaries()).find((one) => one.name === name);
    if (binary === undefined) throw new Error(`There is no ${name}.`);
    const { kubeconfig } = this.cluster;
    return helm(binary, [...args, `--namespace=${this.home.name}`], { kubeconfig, input: stringify(this.values()) });
  }

  upgrade(name: Helm, ...more: readonly string[]): Promise<string> {
    return this.#helm(name, 'upgrade', '--install', RELEASE, CHART, '--values=-', ...more);
  }

  /** To the first revision. */
  rollback(): Promise<string> {
    return this.#helm('helm 4', 'rollback', RELEASE, '1');
  }

  /** What a GitOps tool has the chart rendered to, each object in its namespace. */
  async rendered(): Promise<readonly KubernetesObject[]> {
    const text = await this.#helm('helm 4', 'template', RELEASE, CHART, '--values=-');
    return parseAllDocuments(text).map((document) => {
      const object = document.toJS() as KubernetesObject;
      return { ...object, metadata: { namespace: this.home.name, ...object.metadata } };
    });
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return this.cluster.kubectl([...args, `--namespace=${this.home.name}`], input);
  }

  /** Starts what the release's pod would run, and waits for all its tokens. */
  async run(): Promise<void> {
    const { config, credentials, root } = this.#workplace.credential('dynamics', {
      client_id: 'billing',
      client_secret: secret('client-secret'),
    });
    const path = 'jsonpath={.data.config\\.yaml}';
    writeFileSync(config, await this.kubectl(['get', 'configmap', `${RELEASE}-config`, `--output=${path}`]));
    const kubeconfig = join(root, 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify(await this.#access()), { mode: 0o600 });
    const options = ['--config', config, '--credentials', credentials, '--kubeconfig', kubeconfig];
    const addresses = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    this.#acquirer = AcquirerProcess.start(['run', ...options, ...addresses]);
    await until('each token', async () => Object.values(await this.kept()).every(isWhole), 30_000);
  }

  /** As the release's ServiceAccount, in its namespace. */
  async #access(): Promise<object> {
    const server = this.cluster.api.getCurrentCluster();
    if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
    const token = (await this.kubectl(['create', 'token', RELEASE, '--duration=1h'])).trim();
    const data = server.caData ?? readFileSync(server.caFile ?? '').toString('base64');
    return {
      clusters: [{ name: 'own', cluster: { server: server.server, 'certificate-authority-data': data } }],
      users: [{ name: 'own', user: { token: registerSecret(token, 'a ServiceAccount token of the test cluster') } }],
      contexts: [{ name: 'own', context: { cluster: 'own', user: 'own', namespace: this.home.name } }],
      'current-context': 'own',
    };
  }

  async kept(): Promise<Kept> {
    const entries = SECRETS.map(async (name) => [name, await this.#stored(name)] as const);
    return Object.fromEntries(await Promise.all(entries)) as Kept;
  }

  async #stored(name: string): Promise<Stored> {
    const args = ['get', 'secret', name, `--namespace=${this.apps.name}`, '--ignore-not-found', '--output=json'];
    const text = await this.cluster.kubectl(args);
    const found = text === '' ? {} : (JSON.parse(text) as { metadata?: Metadata; data?: Record<string, string> });
    const { uid = '', resourceVersion = '' } = found.metadata ?? {};
    return { uid, version: resourceVersion, data: found.data ?? {} };
  }

  async close(): Promise<void> {
    await this.#acquirer?.end();
    await this.cluster.kubectl(['delete', '--ignore-not-found', '--filename=-'], listOf(await this.rendered()));
    await Promise.all([this.home.remove(), this.apps.remove(), this.#tokens.stop()]);
    this.#workplace.remove();
  }
}

interface Metadata {
  readonly uid: string;
  readonly resourceVersion: string;
}

function listOf(items: readonly KubernetesObject[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

function isWhole({ data }: Stored): boolean {
  return ['dynamics', 'dynamics.json'].every((key) => key in data);
}

const GITOPS = ['--server-side', '--field-manager=gitops'];

describeInCluster('GitOps', (cluster: () => TestCluster) => {
  let site: Site;
  let rendered: readonly KubernetesObject[];
  let manifest: string;

  beforeAll(async () => {
    site = await Site.open(cluster());
    await site.upgrade('helm 4');
    rendered = await site.rendered();
    manifest = listOf(rendered);
    await site.run();
  }, CLUSTER_TIMEOUT);

  afterAll(() => site.close());

  const apply = (...options: readonly string[]): Promise<string> =>
    cluster().kubectl(['apply', ...options, '--filename=-'], manifest);
  const diff = (options: readonly string[], against = manifest): Promise<string> =>
    cluster().kubectl(['diff', ...options, '--filename=-'], against);
  /** What decides whether a pod is started anew. */
  const deployment = async (): Promise<unknown> =>
    JSON.parse(await site.kubectl(['get', 'deployment', RELEASE, '--output=jsonpath={.spec}']));

  describe('with tokens in the Secrets', () => {
    it.each([
      ['an upgrade by helm 4 that changes nothing', () => site.upgrade('helm 4')],
      ['one by helm 3, which takes over', () => site.upgrade('helm 3')],
      [
        'one by helm 4 again, which takes back',
        () => site.upgrade('helm 4', '--server-side=true', '--force-conflicts'),
      ],
      ['a rollback', () => site.rollback()],
      ['a sync', () => apply(...GITOPS, '--force-conflicts')],
      ['another sync', () => apply(...GITOPS)],
      ['a sync from the client’s side', () => apply()],
    ])('leaves them and the pod as they are: %s', async (_, act) => {
      const before = await site.kept();
      const pod = await deployment();
      await act();
      const after = await site.kept();
      for (const name of SECRETS) {
        expect(after[name].uid).toBe(before[name].uid);
        expect(after[name].data).toEqual(before[name].data);
      }
      expect(await deployment()).toEqual(pod);
    });

    it.each([
      ['the server’s view, as Argo CD and Flux compare', GITOPS],
      ['the client’s view', []],
    ])('shows no difference from what is rendered, in %s', async (_, options) => {
      expect(await diff(options)).toBe('');
    });

    it('shows one that was made', async () => {
      const other = manifest.replace('"replicas":2', '"replicas":1');
      await expect(diff(GITOPS, other)).rejects.toThrow(/replicas/);
    });
  });

  const secretNamed = (name: string): string =>
    listOf(rendered.filter(({ kind, metadata }) => kind === 'Secret' && metadata.name === name));

  it('has what a replacement and a forced one emptied restored from memory', async () => {
    const before = await site.kept();
    const [replaced, forced] = SECRETS;
    const emptied = performance.now();
    await Promise.all([
      cluster().kubectl(['replace', '--filename=-'], secretNamed(replaced)),
      cluster().kubectl(['replace', '--force', '--filename=-'], secretNamed(forced)),
    ]);
    await until('what they held', async () => Object.values(await site.kept()).every(isWhole), 60_000);
    const after = await site.kept();
    expect(performance.now() - emptied).toBeLessThan(35_000);
    for (const name of SECRETS) expect(after[name].data).toEqual(before[name].data);
    expect(after[forced].uid).not.toBe(before[forced].uid);
  });
});
