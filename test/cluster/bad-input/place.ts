import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { StatusReport, TokenReport } from '../../../src/token-acquirer/endpoints/status-report.ts';
import { AcquirerProcess, type ProcessOptions, Workplace } from '../../e2e/acquirer-process.ts';
import { writeKubeconfig } from '../../fakes/kubernetes-api.ts';
import { keepText } from '../../support/outputs.ts';
import { newToken, type ScriptedTokenServer, startScriptedTokenServer } from '../../support/scripted-token-server.ts';
import { registerSecret, secret } from '../../support/secrets.ts';
import type { TestCluster, TestNamespace } from '../cluster.ts';
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';

export const ACCOUNT = 'token-acquirer';
export const CALLER = 'billing-app';
const MANIFESTS = join(import.meta.dirname, '../../../manifests');
/**
 * What gives permissions: `home` in the token-acquirer's namespace, the others in a client's. `nudge` and `logs` come in
 * addition to `client-app`.
 */
const PERMISSIONS = {
  home: 'token-acquirer.yaml',
  'client-app': 'client-app.yaml',
  nudge: 'volume-nudge.yaml',
  logs: 'log-evidence.yaml',
} as const;

/** A token of the configuration: the one in its Secret. */
export interface Wanted {
  readonly namespace: string;
  readonly secret: string;
  /** Of its client app's pods. */
  readonly selector?: string;
  /** Of the configuration of the token. */
  readonly evidence?: object;
}

export interface KubernetesEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

type Condition = TokenReport['conditions'][number];

/** A token-acquirer outside the cluster that uses it as its ServiceAccount, with what it needs and what it asks. */
export class Place {
  readonly cluster: TestCluster;
  readonly home: TestNamespace;
  readonly apps: TestNamespace;
  readonly tokens: ScriptedTokenServer;
  /** The values of all tokens that were issued. */
  readonly issued: readonly string[];
  readonly #namespaces: TestNamespace[];
  readonly #stops: (() => Promise<unknown>)[] = [];
  #names = 0;

  private constructor(
    cluster: TestCluster,
    [home, apps]: readonly [TestNamespace, TestNamespace],
    { tokens, issued }: { tokens: ScriptedTokenServer; issued: readonly string[] },
  ) {
    this.cluster = cluster;
    this.home = home;
    this.apps = apps;
    this.tokens = tokens;
    this.issued = issued;
    this.#namespaces = [home, apps];
    this.#stops.push(() => tokens.stop());
  }

  static async open(cluster: TestCluster, nextToken = (): object => newToken(60)): Promise<Place> {
    const issued: string[] = [];
    const tokens = await startScriptedTokenServer(() => {
      const body = nextToken() as { access_token: string };
      issued.push(body.access_token);
      return { body };
    });
    const [home, apps] = await Promise.all([cluster.namespace('bad-input-home'), cluster.namespace('bad-input')]);
    const place = new Place(cluster, [home, apps], { tokens, issued });
    for (const account of [ACCOUNT, CALLER])
      await place.kubectl('create', 'serviceaccount', account, `--namespace=${home.name}`);
    return place;
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl(args);
  }

  async apply(...objects: readonly object[]): Promise<void> {
    for (const object of objects)
      await this.cluster.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(object));
  }

  /** One more, removed at the end. */
  async namespace(): Promise<string> {
    const namespace = await this.cluster.namespace('bad-input');
    this.#namespaces.push(namespace);
    return namespace.name;
  }

  /** The name of one that does not exist; if it is created, it is removed at the end. */
  absentNamespace(): string {
    this.#names += 1;
    const name = `${this.apps.name}-${this.#names}`;
    this.#namespaces.push({
      name,
      remove: async () => void (await this.kubectl('delete', 'namespace', name, '--wait=false', '--ignore-not-found')),
    });
    return name;
  }

  /** The permissions that manifests/client-app.yaml gives, in another namespace and for other Secrets. */
  async grant(namespace: string, ...secrets: readonly string[]): Promise<void> {
    await this.#grant('client-app', namespace, secrets);
  }

  /** The permission to nudge pods in a namespace. */
  async grantNudge(namespace: string): Promise<void> {
    await this.#grant('nudge', namespace, []);
  }

  /** The permission to read the logs of pods in a namespace. */
  async grantLogs(namespace: string): Promise<void> {
    await this.#grant('logs', namespace, []);
  }

  /** Leases of these names in the namespace of the token-acquirer, and the permission to use them. */
  async grantLeases(...names: readonly string[]): Promise<void> {
    await this.#grant('home', this.home.name, names);
    const metadata = names.map((name) => ({ name, namespace: this.home.name }));
    await this.apply(
      ...metadata.map((each) => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: each })),
    );
  }

  async #grant(what: keyof typeof PERMISSIONS, namespace: string, secrets: readonly string[]): Promise<void> {
    const text = readFileSync(join(MANIFESTS, PERMISSIONS[what]), 'utf8');
    const documents = parseAllDocuments(text).map((document) => document.toJS() as Granted | null);
    for (const given of documents) {
      if (given?.kind !== 'Role' && given?.kind !== 'RoleBinding') continue;
      const rules = given.rules?.map((rule) => (rule.resourceNames ? { ...rule, resourceNames: secrets } : rule));
      const subjects = given.subjects?.map((subject) => ({ ...subject, namespace: this.home.name, name: ACCOUNT }));
      await this.apply({ ...given, metadata: { name: given.metadata.name, namespace }, rules, subjects });
    }
  }

  async serviceAccountToken(account: string, ...args: readonly string[]): Promise<string> {
    const token = await this.kubectl('create', 'token', account, `--namespace=${this.home.name}`, ...args);
    return registerSecret(token.trim(), 'a ServiceAccount token of the test cluster');
  }

  /** Starts a token-acquirer for these; `settings` are further keys of its configuration. */
  async run(wanted: readonly Wanted[], options: ProcessOptions = {}, settings: object = {}): Promise<Running> {
    const proxy = await startCountingProxy(this.cluster.api);
    const workplace = new Workplace().credential('dynamics', {
      client_id: 'billing',
      client_secret: secret('client-secret'),
    });
    workplace.configure({ ...this.configuration(wanted), ...settings });
    const kubeconfig = join(workplace.root, 'kubeconfig');
    const token = await this.serviceAccountToken(ACCOUNT, '--duration=1h');
    writeKubeconfig(kubeconfig, { url: proxy.url, token, namespace: this.home.name });
    const folders = ['--credentials', workplace.credentials, '--kubeconfig', kubeconfig];
    const addresses = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    const process = AcquirerProcess.start(['run', '--config', workplace.config, ...folders, ...addresses], options);
    const running = new Running(this, { process, proxy, workplace });
    this.#stops.push(() => running.stop());
    return running;
  }

  configuration(wanted: readonly Wanted[]): object {
    return {
      authorizationServers: { corporate: { tokenEndpoint: this.tokens.url } },
      callers: 'jwks',
      tokens: wanted.map(({ namespace, secret: name, selector, evidence }) => ({
        name: 'dynamics',
        authorizationServer: 'corporate',
        credential: 'dynamics',
        grant: 'client_credentials',
        secret: { namespace, name },
        clients: [{ namespace: this.home.name, serviceAccount: CALLER }],
        ...(selector !== undefined && { clientApp: { namespace, selector } }),
        ...(evidence !== undefined && { evidence }),
      })),
    };
  }

  /** What stands at the Secret, for `kubectl events --for secret/NAME`. */
  async events({ namespace, secret: name }: Wanted): Promise<readonly KubernetesEvent[]> {
    const selector = `--field-selector=involvedObject.kind=Secret,involvedObject.name=${name}`;
    const text = await this.kubectl('get', 'events', `--namespace=${namespace}`, selector, '--output=json');
    keepText('Kubernetes events', text);
    return (JSON.parse(text) as { items: KubernetesEvent[] }).items;
  }

  /** Whatever became of the test, before namespaces are removed. */
  atEnd(undo: () => Promise<unknown>): void {
    this.#stops.push(undo);
  }

  async close(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
    await Promise.all(this.#namespaces.map((namespace) => namespace.remove()));
  }
}

/** A running token-acquirer, and what passed between it and the API server. */
export class Running {
  readonly process: AcquirerProcess;
  readonly proxy: CountingProxy;
  readonly workplace: Workplace;
  readonly startedAt = performance.now();
  readonly #place: Place;
  #status: { readonly at: number; readonly report: Promise<StatusReport> } | undefined;

  constructor(place: Place, parts: { process: AcquirerProcess; proxy: CountingProxy; workplace: Workplace }) {
    this.#place = place;
    this.process = parts.process;
    this.proxy = parts.proxy;
    this.workplace = parts.workplace;
  }

  configure(wanted: readonly Wanted[]): void {
    this.workplace.configure(this.#place.configuration(wanted));
  }

  async report({ namespace, secret: name }: Wanted): Promise<TokenReport> {
    const report = (await this.#latest()).tokens.find(({ token }) => token === `${namespace}/${name}/dynamics`);
    if (report === undefined) throw new Error(`There is no token of ${namespace}/${name}.`);
    return report;
  }

  async condition(wanted: Wanted, type: string): Promise<Condition | undefined> {
    return (await this.report(wanted)).conditions.find((condition) => condition.type === type);
  }

  /** Read at most five times a second, however many ask. */
  #latest(): Promise<StatusReport> {
    const now = performance.now();
    if (this.#status === undefined || now - this.#status.at > 200) {
      this.#status = { at: now, report: this.process.status() };
    }
    return this.#status.report;
  }

  /** Messages of the warnings in its log. */
  warnings(): readonly string[] {
    return this.process.lines.filter(({ event }) => event === 'warning').map(({ message }) => String(message));
  }

  async stop(): Promise<void> {
    await this.process.end();
    await this.proxy.stop();
    this.workplace.remove();
  }
}

interface Granted {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly { readonly resourceNames?: readonly string[] }[];
  readonly subjects?: readonly object[];
}
