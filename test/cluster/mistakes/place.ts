import { CommandFailed } from '../../../src/token-acquirer/cli/exit-codes.ts';
import { statusCommand } from '../../../src/token-acquirer/cli/status-command.ts';
import { type StatusReport, type TokenReport } from '../../../src/token-acquirer/endpoints/status-report.ts';
import { type ChainPlace, makePlace } from '../../charts/chain-place.ts';
import { CHART, RELEASE } from '../../charts/chart.ts';
import { type HelmBinary, helm, helmBinaries } from '../../charts/helm.ts';
import { type ForwardedPod, forwardPorts } from '../../charts/port-forward.ts';
import { createCertificateAuthority } from '../../support/certificates.ts';
import { registerSecret } from '../../support/secrets.ts';
import type { TestCluster, TestNamespace } from '../cluster.ts';
import { type Credential, type Mistake, type Surroundings, secretOf } from './mistake.ts';

const SECOND = 1000;

/** What `token-acquirer status` shows, and how it ends. */
export interface Status {
  readonly code: number;
  readonly text: string;
  readonly token: TokenReport | undefined;
}

interface Forwarded {
  readonly pod: string;
  readonly ports: ForwardedPod;
}

/** A release of the chart with a token for each mistake, and what they need. */
export class MistakePlace implements Surroundings {
  readonly #cluster: TestCluster;
  readonly #chain: ChainPlace;
  readonly #helm: HelmBinary;
  readonly #apart = new Map<string, TestNamespace>();
  #known: { readonly at: number; readonly report: Promise<StatusReport> } | undefined;
  #forwarding: Promise<Forwarded | undefined> = Promise.resolve(undefined);

  private constructor(cluster: TestCluster, chain: ChainPlace, binary: HelmBinary) {
    this.#cluster = cluster;
    this.#chain = chain;
    this.#helm = binary;
  }

  static async open(cluster: TestCluster): Promise<MistakePlace> {
    const binary = (await helmBinaries()).at(-1);
    if (binary === undefined) throw new Error('There is no helm.');
    return new MistakePlace(cluster, await makePlace(cluster), binary);
  }

  get services(): string {
    return this.#chain.services;
  }

  get acquirer(): string {
    return this.#chain.acquirer;
  }

  get issuer(): string {
    return `https://authorization-server.${this.services}.svc`;
  }

  /** The namespace of the mistake's client app. */
  home({ id }: Pick<Mistake, 'id'>): string {
    return this.#apart.get(id)?.name ?? this.#chain.client;
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.#cluster.kubectl(args);
  }

  inAcquirer(...args: readonly string[]): Promise<string> {
    return this.kubectl(`--namespace=${this.acquirer}`, ...args);
  }

  inHome(mistake: Pick<Mistake, 'id'>, ...args: readonly string[]): Promise<string> {
    return this.kubectl(`--namespace=${this.home(mistake)}`, ...args);
  }

  async apply(...items: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items };
    await this.#cluster.kubectl(['apply', '--filename=-'], JSON.stringify(list));
  }

  /** Installs a release with a token for each mistake. */
  async install(mistakes: readonly Mistake[]): Promise<void> {
    for (const { id, apart = false } of mistakes)
      if (apart) this.#apart.set(id, await this.#cluster.namespace(`mistake-${id}`));
    const right = await this.#rightCredential();
    const namespace = this.acquirer;
    const { ca } = createCertificateAuthority();
    await this.apply(
      configMap(namespace, 'words', 'There is no certificate here.\n'),
      configMap(namespace, 'other-ca', ca),
      ...mistakes.flatMap(({ id, credential }) =>
        credential === undefined || credential === 'none'
          ? []
          : [
              {
                apiVersion: 'v1',
                kind: 'Secret',
                metadata: { name: `${id}-credentials`, namespace },
                stringData: credential(right),
              },
            ],
      ),
    );
    await this.#runHelm('install', JSON.stringify(this.#valuesFor(mistakes)));
    await Promise.all(mistakes.map(async (mistake) => mistake.before?.(this, mistake)));
    await this.restart();
  }

  async restart(): Promise<void> {
    const deployment = `deployment/${RELEASE.name}`;
    await this.inAcquirer('rollout', 'restart', deployment);
    await this.inAcquirer('rollout', 'status', deployment, '--timeout=120s');
  }

  /** As `token-acquirer status` shows it, for one token or for the process. */
  async status(mistake?: Mistake): Promise<Status> {
    const report = await this.#report();
    const name = mistake === undefined ? undefined : `${this.home(mistake)}/${secretOf(mistake)}/${mistake.id}`;
    const tokens = mistake === undefined ? [] : report.tokens.filter(({ token }) => token === name);
    let text = '';
    let code = 0;
    const get = async () => ({ status: 200, body: JSON.stringify({ ...report, tokens }) });
    const output = { out: (part: string) => void (text += part), error: (part: string) => void (text += part) };
    try {
      await statusCommand({ statusUrl: 'http://127.0.0.1', output: 'table' }, get, output);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      code = error.exitCode;
    }
    return { code, text, token: tokens[0] };
  }

  async remove(): Promise<void> {
    await (await this.#forwarding.catch(() => undefined))?.ports.stop();
    await this.#runHelm('uninstall', '');
    await Promise.all([...this.#apart.values()].map((namespace) => namespace.remove()));
    await this.#chain.remove();
  }

  /** Of the pod that runs, at most a second old. */
  async #report(): Promise<StatusReport> {
    const known = this.#known;
    if (known !== undefined && performance.now() - known.at < SECOND) return known.report;
    const report = this.#read();
    this.#known = { at: performance.now(), report };
    return report;
  }

  /** Again where the pod ends while it is asked. */
  async #read(tries = 5): Promise<StatusReport> {
    const address = (await this.#ports()).addresses.get(9090);
    try {
      const answer = await fetch(`http://${address}/status`, { signal: AbortSignal.timeout(10 * SECOND) });
      return (await answer.json()) as StatusReport;
    } catch (error) {
      if (tries === 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, SECOND));
      return this.#read(tries - 1);
    }
  }

  /** Of the pod that runs. One at a time, so that none is left open. */
  #ports(): Promise<ForwardedPod> {
    const before = this.#forwarding.catch(() => undefined);
    this.#forwarding = before.then(async (known) => {
      const pod = await this.pod();
      if (known?.pod === pod) return known;
      await known?.ports.stop();
      return { pod, ports: await forwardPorts(this.#cluster, { namespace: this.acquirer, pod, ports: [9090] }) };
    });
    return this.#forwarding.then((forwarded) => (forwarded as Forwarded).ports);
  }

  async pod(): Promise<string> {
    const args = [`--selector=app.kubernetes.io/name=${RELEASE.name}`, '--field-selector=status.phase=Running'];
    const template = '{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}';
    const names = await this.inAcquirer('get', 'pods', ...args, `--output=go-template=${template}`);
    const [name] = names.split(' ');
    if (name === undefined || name === '') throw new Error('No pod of the release runs.');
    return name;
  }

  async #runHelm(verb: 'install' | 'uninstall', input: string): Promise<void> {
    const args = verb === 'install' ? [verb, RELEASE.name, CHART, '--values=-'] : [verb, RELEASE.name];
    await helm(this.#helm, [...args, `--namespace=${this.acquirer}`], { kubeconfig: this.#cluster.kubeconfig, input });
  }

  async #rightCredential(): Promise<Credential> {
    const found = JSON.parse(await this.inAcquirer('get', 'secret', 'dynamics-credentials', '--output=json')) as {
      data: Record<string, string>;
    };
    const entries = Object.entries(found.data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
    const right = Object.fromEntries(entries) as Record<string, string>;
    registerSecret(right['client_secret'] ?? '');
    return right;
  }

  #valuesFor(mistakes: readonly Mistake[]): object {
    const { image, certificateAuthorities } = this.#chain.values as {
      image: object;
      certificateAuthorities: { corporate: object };
    };
    const servers = mistakes.filter(({ server }) => server !== undefined);
    return {
      image,
      certificateAuthorities: {
        corporate: certificateAuthorities.corporate,
        ...Object.fromEntries(servers.map(({ id, authority }) => [id, authority ?? certificateAuthorities.corporate])),
      },
      config: {
        authorizationServers: {
          corporate: { issuer: this.issuer },
          ...Object.fromEntries(servers.map(({ id, server }) => [id, server?.(this)])),
        },
        tokens: mistakes.map((mistake) => this.#tokenFor(mistake)),
      },
    };
  }

  #tokenFor(mistake: Mistake): object {
    const { id, server, credential, clientApp, token } = mistake;
    const namespace = this.home(mistake);
    return {
      name: id,
      authorizationServer: server === undefined ? 'corporate' : id,
      credential: credential === undefined ? 'dynamics' : id,
      grant: 'client_credentials',
      secret: { namespace, name: secretOf(mistake) },
      clients: [{ namespace, serviceAccount: 'billing-app' }],
      ...(clientApp === 'is stopped' && { clientApp: { namespace, selector: `app=${id}` } }),
      ...token,
    };
  }
}

function configMap(namespace: string, name: string, text: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { 'ca.crt': text } };
}
