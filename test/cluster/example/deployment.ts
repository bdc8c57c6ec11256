import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailed } from '../../real/install/run.ts';
import type { TestCluster } from '../cluster.ts';
import { type Call, callsIn, type LogLine, logLines } from './log-lines.ts';

const MANIFESTS = join(import.meta.dirname, '../../../manifests/example');
const SERVICES = ['00-namespaces.yaml', '10-setup.yaml', '20-services.yaml'];
const NAMESPACES = ['token-acquirer', 'billing', 'example-services'];
const CLIENT = ['--namespace=billing', '--selector=app.kubernetes.io/name=billing-app'];
const AUTHORIZATION_SERVER = ['--namespace=example-services', '--selector=app.kubernetes.io/name=authorization-server'];
const PATIENCE = 180_000;

/** Records when each token appears in the volume. */
const WATCH = `
import { readFileSync } from 'node:fs';
const { lasting } = JSON.parse(readFileSync(0, 'utf8'));
const seen = new Map();
const look = () => {
  try {
    const { generation } = JSON.parse(readFileSync('/var/run/tokens/dynamics.json', 'utf8'));
    if (!seen.has(generation)) seen.set(generation, Date.now());
  } catch {}
};
look();
seen.forEach((_, generation) => seen.set(generation, 0));
const timer = setInterval(look, 5);
setTimeout(() => { clearInterval(timer); console.log(JSON.stringify([...seen].filter(([, at]) => at > 0))); }, lasting);
`;

export interface Pod {
  readonly name: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly startedAt: string | undefined;
  readonly restarts: number;
}

/** The example of `manifests/example`, with all of it in the cluster. */
export class ExampleDeployment {
  readonly cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** The manifests as they are, or as `change` makes them. */
  apply(change?: (text: string) => string): Promise<void> {
    return this.#apply(readdirSync(MANIFESTS), change);
  }

  /**
   * Only the services that are outside of a cluster in real life, until they run: the first call would find no gateway
   * where token-acquirer and the client app start faster.
   */
  async applyServices(change: (text: string) => string): Promise<void> {
    await this.#apply(SERVICES, change);
    for (const name of ['authorization-server', 'gateway', 'incident-desk'])
      await this.rolledOut('example-services', name);
  }

  /** Only the client app, while nobody obtains its token. */
  applyClient(change: (text: string) => string): Promise<void> {
    return this.#apply(['40-client-app.yaml'], change);
  }

  async #apply(files: readonly string[], change: (text: string) => string = (text) => text): Promise<void> {
    const texts = files.toSorted().map((file) => readFileSync(join(MANIFESTS, file), 'utf8'));
    await this.cluster.kubectl(['apply', '--filename=-'], change(texts.join('\n---\n')));
  }

  async remove(): Promise<void> {
    await this.cluster.kubectl(['delete', 'namespace', ...NAMESPACES, '--ignore-not-found', '--wait=true']);
  }

  /** The calls of the client app since, of all its current pods. */
  async calls(since: Date): Promise<Call[]> {
    return callsIn(await this.log(CLIENT, since));
  }

  /** What the token-acquirer has logged since, in all its current pods. */
  acquirerLog(since: Date): Promise<LogLine[]> {
    return this.log(['--namespace=token-acquirer', '--selector=app.kubernetes.io/name=token-acquirer'], since);
  }

  /** How many tokens were issued since. */
  async tokensIssued(since: Date): Promise<number> {
    const lines = await this.log(AUTHORIZATION_SERVER, since);
    return lines.filter(({ event }) => event === 'token-issued').length;
  }

  async log(selection: readonly string[], since: Date): Promise<LogLine[]> {
    const text = await this.#logs([...selection, '--tail=-1', `--since-time=${since.toISOString()}`]);
    return logLines(text)
      .filter(({ time }) => Date.parse(time) >= since.getTime())
      .toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time));
  }

  /** Repeats the call if a pod was removed between the list and the request. */
  async #logs(options: readonly string[]): Promise<string> {
    try {
      return await this.cluster.kubectl(['logs', ...options]);
    } catch (error) {
      if (!(error instanceof CommandFailed) || !/pods "[^"]*" not found/.test(error.output)) throw error;
      await pause(1000);
      return this.cluster.kubectl(['logs', ...options]);
    }
  }

  async pods(namespace: string, name: string): Promise<Pod[]> {
    const text = await this.cluster.kubectl([
      'get',
      'pods',
      `--namespace=${namespace}`,
      `--selector=app.kubernetes.io/name=${name}`,
      '--output=json',
    ]);
    return (JSON.parse(text) as { items: RawPod[] }).items.map(podOf);
  }

  /** Whether the pod of the client app could not mount its volume, because the Secret lacks a key. */
  async isWaiting(): Promise<boolean> {
    const args = ['get', 'events', '--namespace=billing', '--field-selector=reason=FailedMount', '--output=json'];
    const { items } = JSON.parse(await this.cluster.kubectl(args)) as { items: { message: string }[] };
    return items.some(({ message }) => message.includes('references non-existent secret key: dynamics'));
  }

  /** The data of the token Secret, decoded. */
  async tokenSecret(): Promise<Record<string, string>> {
    const text = await this.cluster.kubectl([
      'get',
      'secret',
      'billing-tokens',
      '--namespace=billing',
      '--output=json',
    ]);
    const { data = {} } = JSON.parse(text) as { data?: Record<string, string> };
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    );
  }

  /** The document of the token in the token Secret; `undefined` where its keys are missing. */
  async storedToken(): Promise<{ generation: number; expires_at: string; sha256: string } | undefined> {
    const document = (await this.tokenSecret())['dynamics.json'];
    return document === undefined
      ? undefined
      : (JSON.parse(document) as { generation: number; expires_at: string; sha256: string });
  }

  /** When a token was first revoked since; `undefined` for not yet. */
  async revokedSince(since: Date): Promise<Date | undefined> {
    const lines = await this.log(AUTHORIZATION_SERVER, since);
    const revoked = lines.find(({ event }) => event === 'token-revoked');
    return revoked && new Date(revoked.time);
  }

  /**
   * Runs a program in the client app's container, with the one interpreter that it has. What may be secret goes in by
   * its stdin.
   */
  inClient(script: string, input: string): Promise<string> {
    const command = ['/usr/local/bin/node', '--input-type=module', '--eval', script];
    return this.cluster.kubectl(
      ['exec', '--stdin', '--namespace=billing', 'deployment/billing-app', '--', ...command],
      input,
    );
  }

  /** When each generation came into the client's volume, as its container sees it, for as long as it is looked. */
  async sightings(lasting: number): Promise<ReadonlyMap<number, number>> {
    const text = await this.inClient(WATCH, JSON.stringify({ lasting }));
    return new Map(JSON.parse(text) as [number, number][]);
  }

  async rolledOut(namespace: string, name: string): Promise<void> {
    await this.cluster.kubectl([
      'rollout',
      'status',
      `deployment/${name}`,
      `--namespace=${namespace}`,
      `--timeout=${PATIENCE / 1000}s`,
    ]);
  }

  /** Looks until there is a result. Throws after the patience. */
  async until<Found>(what: string, look: () => Promise<Found | undefined>, patience = PATIENCE): Promise<Found> {
    const until = performance.now() + patience;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > until) throw new Error(`The wait until ${what} took more than ${patience / 1000} s.`);
      await pause(250);
    }
  }

  /** Until the client app has called the service with success since. */
  firstSuccess(since: Date, patience?: number): Promise<Call> {
    const look = async (): Promise<Call | undefined> => (await this.calls(since).catch(() => [])).find(({ ok }) => ok);
    return this.until('a call succeeds', look, patience);
  }
}

interface RawPod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly state: { readonly running?: { readonly startedAt: string } };
    }[];
  };
}

function podOf({ metadata, status }: RawPod): Pod {
  const [container] = status.containerStatuses ?? [];
  return {
    name: metadata.name,
    phase: metadata.deletionTimestamp === undefined ? status.phase : 'Terminating',
    ready: status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    startedAt: container?.state.running?.startedAt,
    restarts: container?.restartCount ?? 0,
  };
}
