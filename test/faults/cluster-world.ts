import { join } from 'node:path';
import { CoreV1Api } from '@kubernetes/client-node';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { authorizedFetch, mountedTokens, type Tokens } from '../../src/client/index.ts';
import type { TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { ServiceAccounts } from '../cluster/caller-accounts.ts';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { AcquirerProcess, type ProcessOptions } from '../e2e/acquirer-process.ts';
import { type Stage, type StageOptions, stages } from '../e2e/stage.ts';
import { writeKubeconfig } from '../fakes/kubernetes-api.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { type ApiFront, startApiFront } from './api-front.ts';
import { bundledProgram } from './program.ts';
import type { RowRun, RowWorld } from './row.ts';
import { SecretMirror } from './secret-mirror.ts';
import { SteadyCalls } from './steady-calls.ts';
import { startTokenEndpointFront, type TokenEndpointFront } from './token-endpoint-front.ts';
import { VolumeLog } from './volume-log.ts';

export const ACCOUNT = 'token-acquirer';
const MAIN_SECRET = 'billing-tokens';
const PATIENCE = 60_000;

export interface ClusterWorldOptions extends StageOptions {
  /** Secrets in addition to the one whose token the client uses. A name with a slash is in its own namespace. */
  readonly others?: readonly string[];
  /** Of the pods of the client app. */
  readonly selector?: string;
  /** Whether the state is in a folder. Without one the token-acquirer takes part in the election of its Lease. */
  readonly state?: boolean;
  /** How the process is started, and further arguments instead of the kubeconfig. */
  readonly process?: ProcessOptions;
  readonly access?: readonly string[];
  /** Called before the token-acquirer starts. Returns the token that it has for the API server. */
  readonly prepare?: (world: ClusterWorld) => Promise<string | undefined>;
}

interface Parts {
  readonly cluster: TestCluster;
  readonly namespace: TestNamespace;
  readonly stage: Stage;
  readonly front: TokenEndpointFront;
  readonly api: ApiFront;
  readonly proxy: TcpProxy;
}

/** A token-acquirer in its own process on a real API server, with the permissions of the chart, and a client that calls. */
export class ClusterWorld implements RowWorld {
  readonly cluster: TestCluster;
  readonly namespace: TestNamespace;
  readonly stage: Stage;
  readonly front: TokenEndpointFront;
  /** Between the token-acquirer and the API server, for faults of answers. */
  readonly api: ApiFront;
  /** Between both, for faults of connections. */
  readonly proxy: TcpProxy;
  readonly acquirers: AcquirerProcess[] = [];
  readonly core: CoreV1Api;
  readonly accounts: ServiceAccounts;
  readonly callsSoFar: SteadyCalls[] = [];
  readonly #admin: ApiServer;
  readonly #options: ClusterWorldOptions;
  #mirror: SecretMirror | undefined;
  #volume: VolumeLog | undefined;
  #tokens: Tokens | undefined;

  private constructor(parts: Parts, options: ClusterWorldOptions) {
    this.cluster = parts.cluster;
    this.namespace = parts.namespace;
    this.stage = parts.stage;
    this.front = parts.front;
    this.api = parts.api;
    this.proxy = parts.proxy;
    this.#options = options;
    this.#admin = kubeconfigApiServer(parts.cluster.kubeconfig);
    this.core = new CoreV1Api(this.#admin.configuration);
    this.accounts = new ServiceAccounts(this.#admin, parts.namespace.name);
  }

  /** Opens one whose client calls. */
  static async open(run: RowRun, cluster: TestCluster, options: ClusterWorldOptions = {}): Promise<ClusterWorld> {
    const stage = await stages().open(options);
    const front = await startTokenEndpointFront(`${stage.server.issuer}/token`);
    const api = await startApiFront(cluster.api);
    const proxy = await startTcpProxy(api.port);
    const namespace = await cluster.namespace('faults');
    const world = new ClusterWorld({ cluster, namespace, stage, front, api, proxy }, options);
    run.add(world);
    await world.#begin();
    return world;
  }

  get tokens(): number {
    return this.secrets.length;
  }

  get secrets(): readonly string[] {
    return [MAIN_SECRET, ...(this.#options.others ?? [])];
  }

  get acquirer(): AcquirerProcess {
    return there(this.acquirers.at(-1));
  }

  get calls(): SteadyCalls {
    return there(this.callsSoFar[0]);
  }

  get volume(): VolumeLog {
    return there(this.#volume);
  }

  get mirror(): SecretMirror {
    return there(this.#mirror);
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return this.cluster.kubectl([...args, `--namespace=${this.namespace.name}`], input);
  }

  async data(name = MAIN_SECRET, namespace = this.namespace.name): Promise<Readonly<Record<string, string>>> {
    return (await this.core.readNamespacedSecret({ namespace, name })).data ?? {};
  }

  async report(secretName = MAIN_SECRET): Promise<TokenReport> {
    const { tokens } = await this.acquirer.status();
    return there(tokens.find(({ token }) => token.split('/')[1] === secretName));
  }

  async condition(type: string, secretName?: string): Promise<TokenReport['conditions'][number] | undefined> {
    return (await this.report(secretName)).conditions.find((condition) => condition.type === type);
  }

  /** Resolves once the mounted token is another one. */
  async renewed(sha256 = this.volume.current?.sha256, within = PATIENCE): Promise<void> {
    await until(
      'A new token',
      () => this.volume.current !== undefined && this.volume.current.sha256 !== sha256,
      within,
    );
  }

  /** The permissions on these Secrets, in a namespace. */
  async grant(namespace: string, names: readonly string[]): Promise<void> {
    const metadata = { name: ACCOUNT, namespace };
    const rules = [
      { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'patch', 'watch'], resourceNames: names },
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    ];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT };
    const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: this.namespace.name }];
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    for (const object of [
      { apiVersion, kind: 'Role', metadata, rules },
      { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects },
    ]) {
      await this.cluster.kubectl(['apply', '--filename=-'], JSON.stringify(object));
    }
  }

  /** Starts a token-acquirer with this token for the API server. */
  async start(token: string): Promise<AcquirerProcess> {
    const { workplace } = this.stage;
    const kubeconfig = join(workplace.root, 'kubeconfig');
    writeKubeconfig(kubeconfig, { url: this.proxy.url, token });
    const { state = true, access = ['--kubeconfig', kubeconfig] } = this.#options;
    const folders = ['--config', workplace.config, '--credentials', workplace.credentials];
    const addresses = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    const args = ['run', ...folders, ...(state ? ['--state', workplace.state] : []), ...addresses, ...access];
    const acquirer = AcquirerProcess.start(args, bundledProgram(this.#options.process));
    this.acquirers.push(acquirer);
    return acquirer;
  }

  namespaceOf(secretName: string): string {
    return secretName.includes('/') ? `${this.namespace.name}-${secretName.split('/')[0]}` : this.namespace.name;
  }

  async #begin(): Promise<void> {
    const byNamespace = Map.groupBy(this.secrets, (name) => this.namespaceOf(name));
    for (const [namespace, names] of byNamespace) {
      if (namespace !== this.namespace.name) await this.cluster.kubectl(['create', 'namespace', namespace]);
      for (const name of names.map(nameIn)) {
        await this.core.createNamespacedSecret({ namespace, body: { metadata: { name } } });
      }
      await this.grant(namespace, names.map(nameIn));
    }
    await this.accounts.create(ACCOUNT);
    this.#configure();
    const token = await this.#options.prepare?.(this);
    const acquirer = await this.start(token ?? (await this.accounts.token(ACCOUNT, { seconds: 3600 })));
    await this.#call(acquirer);
  }

  #configure(): void {
    const { selector } = this.#options;
    const reachedBy = { tokenEndpoint: this.front.url };
    const { tokens, ...rest } = this.stage.configuration({ reachedBy, secrets: this.secrets.map(nameIn) }) as {
      tokens: readonly { secret: { name: string } }[];
    };
    const placed = tokens.map((one, index) => ({
      ...one,
      parameters: { token: one.secret.name },
      secret: { ...one.secret, namespace: this.namespaceOf(this.secrets[index] ?? '') },
      ...(selector !== undefined && { clientApp: { namespace: this.namespace.name, selector } }),
    }));
    this.stage.workplace.configure({ ...rest, propagation: { watch: true }, tokens: placed });
  }

  async #call(acquirer: AcquirerProcess): Promise<void> {
    const { root, callerToken: callerTokenFile } = this.stage.workplace;
    const { name: namespace } = this.namespace;
    const mirror = new SecretMirror(root, this.core, { namespace, name: MAIN_SECRET });
    this.#mirror = mirror;
    const reissue = { url: await acquirer.url('reissue'), namespace, secret: MAIN_SECRET, callerTokenFile };
    this.#tokens = mountedTokens({ directory: mirror.directory, reissue });
    const source = this.#tokens.source('dynamics');
    await source.ready({ signal: AbortSignal.timeout(PATIENCE) });
    const call = authorizedFetch(source, { origins: [new URL(this.stage.gateway.url).origin] });
    const volume = new VolumeLog(mirror.directory, (token) => this.stage.isActive(token));
    this.#volume = volume;
    const calls = new SteadyCalls({
      call: async () => {
        const answer = await call(`${this.stage.gateway.url}/incidents`);
        await answer.body?.cancel();
        return answer.status;
      },
      validity: () => volume.validity(),
    });
    this.callsSoFar.push(calls);
    await calls.succeed(3, PATIENCE);
  }

  async close(): Promise<void> {
    await Promise.all(this.callsSoFar.map((calls) => calls.stop()));
    await this.#volume?.stop();
    this.#mirror?.stop();
    this.#tokens?.close();
    await Promise.all(this.acquirers.map((acquirer) => acquirer.end('SIGKILL')));
    await Promise.all([this.proxy.stop(), this.api.stop(), this.front.stop(), this.stage.close()]);
    const others = new Set(this.secrets.map((name) => this.namespaceOf(name)));
    for (const namespace of others) {
      await this.cluster.kubectl(['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found']);
    }
    await this.#admin.close();
  }
}

/** The name of a Secret without that of its namespace. */
function nameIn(secretName: string): string {
  return secretName.split('/').at(-1) ?? secretName;
}

function there<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('It has not begun.');
  return thing;
}
