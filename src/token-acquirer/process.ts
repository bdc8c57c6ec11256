import type { FastifyInstance } from 'fastify';
import type { OriginOf } from '../core/file-origin.ts';
import { oneAtATime } from '../core/one-at-a-time.ts';
import type { Ms } from '../core/token.ts';
import type { CallerAuthenticator } from '../ports/caller-authenticator.ts';
import type { ProcessMark } from '../ports/process-mark.ts';
import type { ServerSettings } from '../ports/protocols.ts';
import type { RefreshTokenStore } from '../ports/refresh-token-store.ts';
import type { TokenEndpoint } from '../ports/token-endpoint.ts';
import type { VolumeNudge } from '../ports/volume-nudge.ts';
import { loadOf, memoryWarning } from './configuration/memory-need.ts';
import type { ClusterSettings, Configuration } from './configuration/resolve.ts';
import { warningsOf } from './configuration/warnings.ts';
import { ConfigurationFile, sentenceOf } from './configuration-in-force.ts';
import { Connections } from './endpoints/connections.ts';
import { type Address, createListener, listen, parseAddress, refuseForeignPages } from './endpoints/listener.ts';
import { ProcessStatus } from './endpoints/process-status.ts';
import { type KeepCertificate, ReissueEndpoint } from './endpoints/reissue-server.ts';
import { addProbeRoutes, addStatusRoutes, type StatusRoutesDependencies } from './endpoints/status-routes.ts';
import { OtherAcquirers } from './other-acquirers.ts';
import { Acquirer } from './token/acquirer.ts';
import { ALONE, type Others } from './token/others.ts';
import { Slots } from './token/slots.ts';
import type { VolumeContents } from './token/stored-copy.ts';
import type { Dependencies } from './token/token-cycle.ts';

/** Token requests in flight at once, over all tokens. */
const CONCURRENT_REQUESTS = 20;

export interface RunOptions {
  readonly config: string;
  readonly listen: string;
  readonly statusListen: string;
  /** Another address for the probes, so that no flood at the others can fail them. */
  readonly probeListen?: string | undefined;
  readonly connectionsPerAddress: number;
  /** How long requests in flight may go on after a stop. */
  readonly grace: Ms;
}

/** Everything the process touches, wired in main.ts. */
export interface Adapters
  extends Omit<Dependencies, 'endpoint' | 'chains' | 'volume' | 'slots' | 'abandon' | 'others'> {
  readonly metrics: StatusRoutesDependencies['metrics'];
  createEndpoint(servers: Readonly<Record<string, ServerSettings>>): TokenEndpoint;
  /** Throws UsageError where the configuration names callers that nobody here can check. */
  createCallers(configuration: Pick<Configuration, 'callers' | 'cluster' | 'tokens'>): CallerAuthenticator;
  createChains(settings: ClusterSettings): RefreshTokenStore;
  /** How others with the same state are found; `undefined` where there can be none. `pod`: or the machine's name. */
  readonly marking?: { readonly pod: string; createMark(settings: ClusterSettings): ProcessMark } | undefined;
  /** `undefined` without a cluster. */
  readonly keepCertificate: KeepCertificate | undefined;
  /** `undefined` without a cluster, where clients read the store itself. */
  readonly nudge: VolumeNudge | undefined;
  /** How much memory this process may use, in bytes; `undefined` where nothing limits it. */
  readonly memoryLimit?: () => number | undefined;
  /** Gives back what reading a long configuration left. */
  readonly releaseMemory?: () => void;
  /** Of which ConfigMap or Secret a file is a copy. */
  readonly originOf?: OriginOf;
  /** Calls back when the file changes; the result stops it. */
  watchFile(file: string, changed: () => void): () => void;
}

/** Runs until `stop` aborts, then ends within the grace. Throws UsageError or ConfigurationError where it cannot begin. */
export async function runTokenAcquirer(options: RunOptions, adapters: Adapters, stop: AbortSignal): Promise<void> {
  const process = new TokenAcquirerProcess(options, adapters);
  try {
    await process.start(stop);
    await aborted(stop);
  } finally {
    await process.end();
  }
}

/** Of the listeners that answer only short questions: next to the reissue endpoint they are to take little memory. */
const FEW_CONNECTIONS = { most: 200, share: 20 } as const;

/** Reading so many leaves enough garbage that it is collected before their cycles begin. */
const MANY_TOKENS = 500;

/**
 * How long tokens wait for the endpoint. Its certificate is made in 0.1 s, or in a second while hundreds of tokens are read,
 * and nobody answers the clients until then. It may also come much later, so tokens do not wait for longer.
 */
const ENDPOINT_FIRST: Ms = 500;

/** Settings that count from the start on, and their keys in the configuration. */
const RESTART = [
  ['stateSecret', 'state.secret'],
  ['authoritySecret', 'endpoint.authoritySecret'],
  ['service', 'endpoint.service'],
] as const;

interface Server {
  readonly app: FastifyInstance;
  readonly connections: Connections;
}

class TokenAcquirerProcess {
  readonly #options: RunOptions;
  readonly #adapters: Adapters;
  readonly #abandon = new AbortController();
  readonly #acquirer: Acquirer;
  readonly #reissue: ReissueEndpoint;
  readonly #shown: ProcessStatus;
  readonly #file: ConfigurationFile;
  readonly #reload = oneAtATime(() => this.#loadAgain());
  #status: Server | undefined;
  #probes: Server | undefined;
  #common: Readonly<Record<string, string>> = {};
  #chains: RefreshTokenStore | undefined;
  #endpoint: TokenEndpoint | undefined;
  #callers: CallerAuthenticator | undefined;
  #configuration: Configuration | undefined;
  #started: ClusterSettings | undefined;
  #others: Others = ALONE;
  readonly #leave = new AbortController();
  #unwatchConfiguration: () => void = () => undefined;
  #changedEarly = false;
  #loaded = false;

  constructor(options: RunOptions, adapters: Adapters) {
    this.#options = options;
    this.#adapters = adapters;
    this.#shown = new ProcessStatus(adapters.clock, adapters.telemetry);
    this.#file = new ConfigurationFile(options.config, { ...adapters, status: this.#shown });
    this.#acquirer = new Acquirer({
      ...adapters,
      slots: new Slots(CONCURRENT_REQUESTS, adapters.clock),
      abandon: this.#abandon.signal,
      volume: this.#volume(),
      others: () => this.#others,
      chains: {
        load: (identity) => (this.#chains as RefreshTokenStore).load(identity),
        save: (identity, chain, expected) => (this.#chains as RefreshTokenStore).save(identity, chain, expected),
      },
      // Replaced as a whole when the configuration changes; a request in flight keeps the one that it began with.
      endpoint: {
        request: (request, signal) => (this.#endpoint as TokenEndpoint).request(request, signal),
        revoke: (request, token, signal) => (this.#endpoint as TokenEndpoint).revoke(request, token, signal),
        obstacle: (server, credential) => (this.#endpoint as TokenEndpoint).obstacle(server, credential),
        reach: (server, signal) => (this.#endpoint as TokenEndpoint).reach(server, signal),
      },
    });
    this.#reissue = new ReissueEndpoint(options.listen, {
      ...adapters,
      acquirer: this.#acquirer,
      process: this.#shown,
      connectionsPerAddress: options.connectionsPerAddress,
      callers: { authenticate: (bearer) => (this.#callers as CallerAuthenticator).authenticate(bearer) },
      watchFile: (file, changed) => adapters.watchFile(file, changed),
      publish: (caBundle) => {
        this.#common = { 'ca.crt': caBundle };
        this.#acquirer.volumeChanged();
      },
      sentenceOf,
    });
  }

  /** Resolves when it is ready, or `stop` aborted. */
  async start(stop: AbortSignal): Promise<void> {
    const { config } = this.#options;
    // From before it is read, so that no change is missed.
    this.#unwatchConfiguration = this.#adapters.watchFile(config, () => this.#changed());
    const configuration = await this.#file.load();
    this.#started = configuration.cluster;
    this.#use(configuration);
    const opened = this.#reissue.open(configuration);
    if (this.#reissue.keepsItsOwn(configuration)) opened.catch(() => undefined);
    else await opened;
    await this.#listenForProbes();
    await this.#listenForStatus();
    await Promise.race([opened, aborted(stop), this.#adapters.clock.wait(ENDPOINT_FIRST)]);
    this.#acquirer.apply(configuration.tokens);
    this.#loaded = true;
    this.#tellLoaded(configuration);
    this.#file.accepted();
    this.#lookForOthers(configuration.cluster);
    await Promise.race([opened, aborted(stop)]);
    if (!stop.aborted) this.#shown.notReady = undefined;
    if (this.#changedEarly) void this.#reload();
  }

  async end(): Promise<void> {
    const { telemetry, clock } = this.#adapters;
    this.#shown.notReady = 'The token-acquirer is stopping.';
    this.#loaded = false;
    this.#leave.abort();
    this.#unwatchConfiguration();
    this.#reissue.stop();
    telemetry.process({ kind: 'stopping', message: 'Requests in flight are finished; no new one is begun.' });
    const ended = this.#finish();
    await Promise.race([ended, clock.wait(this.#options.grace)]);
    this.#abandon.abort();
    await Promise.race([ended, clock.wait(this.#options.grace / 4)]);
    for (const server of [this.#reissue.server, this.#status, this.#probes]) server?.connections.cut();
    telemetry.process({ kind: 'stopped' });
  }

  /** The status address last, so that it tells how the end goes. */
  async #finish(): Promise<void> {
    const { server } = this.#reissue;
    await Promise.all([this.#acquirer.stop(), server && closeInTime(server)]);
    await Promise.all([this.#status, this.#probes].flatMap((last) => (last === undefined ? [] : [closeInTime(last)])));
  }

  #changed(): void {
    if (this.#loaded) void this.#reload();
    else this.#changedEarly = true;
  }

  #use(configuration: Configuration): void {
    if (configuration.tokens.length >= MANY_TOKENS) this.#adapters.releaseMemory?.();
    const callers = this.#adapters.createCallers(configuration);
    this.#endpoint = this.#adapters.createEndpoint(configuration.servers);
    this.#callers = callers;
    this.#adapters.storeWatch?.enable(configuration.cluster.watch);
    // What it holds is not moved to another place: that takes a restart.
    this.#chains ??= this.#adapters.createChains(configuration.cluster);
    this.#configuration = configuration;
  }

  #lookForOthers(settings: ClusterSettings): void {
    const { marking, clock, random } = this.#adapters;
    if (marking === undefined) return;
    const needsState = (): boolean => this.#configuration?.tokens.some(({ rotates }) => rotates) === true;
    const options = { clock, random, pod: marking.pod, needsState, status: this.#shown, deployment: settings.service };
    const others = new OtherAcquirers({ ...options, mark: marking.createMark(settings) });
    this.#others = others;
    void others.run(this.#leave.signal);
  }

  #volume(): VolumeContents {
    const common = (): VolumeContents['common'] => this.#common;
    const nudge = (): VolumeNudge | undefined =>
      this.#configuration?.cluster.nudge === true ? this.#adapters.nudge : undefined;
    return {
      mounted: this.#adapters.nudge !== undefined,
      get common() {
        return common();
      },
      get nudge() {
        return nudge();
      },
    };
  }

  async #listenForStatus(): Promise<void> {
    const { clock, metrics } = this.#adapters;
    const address = parseAddress(this.#options.statusListen, '--status-listen');
    const app = createListener(undefined);
    refuseForeignPages(app);
    addStatusRoutes(app, { acquirer: this.#acquirer, clock, metrics, process: this.#shown });
    this.#status = { app, connections: new Connections(app.server, FEW_CONNECTIONS) };
    await this.#listenAt('status', app, address);
  }

  async #listenForProbes(): Promise<void> {
    const { probeListen } = this.#options;
    if (probeListen === undefined) return;
    const address = parseAddress(probeListen, '--probe-listen');
    const app = createListener(undefined);
    addProbeRoutes(app, { process: this.#shown });
    this.#probes = { app, connections: new Connections(app.server, FEW_CONNECTIONS) };
    await this.#listenAt('probe', app, address);
  }

  async #listenAt(endpoint: 'status' | 'probe', app: FastifyInstance, address: Address): Promise<void> {
    const url = await listen(app, address, `--${endpoint}-listen`);
    this.#adapters.telemetry.process({ kind: 'listening', endpoint, url });
  }

  /** A broken file leaves the running configuration in force. */
  async #loadAgain(): Promise<void> {
    try {
      const configuration = await this.#file.load();
      if (!this.#loaded) return;
      const nudged = this.#configuration?.cluster.nudge;
      this.#use(configuration);
      this.#acquirer.apply(configuration.tokens);
      this.#tellLoaded(configuration);
      // A status that is read after the change must not show the condition of before.
      if (nudged !== configuration.cluster.nudge) this.#acquirer.wake();
      await this.#reissue.follow(configuration);
      this.#file.accepted(this.#waiting(configuration.cluster));
    } catch (error) {
      const sentence = sentenceOf(error);
      this.#file.rejected(error, sentence);
      const message = `${sentence} The configuration that was in force stays.`;
      this.#adapters.telemetry.process({ kind: 'configuration-refused', message });
    }
  }

  /** Reports what is used from the start on, and changed since. Returns it as a sentence. */
  #waiting(now: ClusterSettings): string | undefined {
    const changed = RESTART.filter(
      ([setting]) => this.#started !== undefined && this.#started[setting] !== now[setting],
    );
    if (changed.length === 0) return this.#reissue.waiting;
    const keys = changed.map(([, key]) => key).join(', ');
    const message = `${keys} changed, which counts from the next start: restart the token-acquirer.`;
    this.#adapters.telemetry.process({ kind: 'warning', message });
    return message;
  }

  #tellLoaded({ tokens }: Configuration): void {
    const { telemetry, memoryLimit } = this.#adapters;
    telemetry.process({ kind: 'configuration-loaded', tokens: tokens.length, file: this.#options.config });
    const warning = memoryWarning(loadOf(tokens), memoryLimit?.());
    if (warning !== undefined) telemetry.process({ kind: 'warning', message: warning });
    for (const message of warningsOf({ tokens })) telemetry.process({ kind: 'warning', message });
  }
}

/** What has been asked is answered; connections on which nothing is being answered are not waited for. */
async function closeInTime({ app, connections }: Server): Promise<void> {
  const closed = app.close();
  await connections.quiet();
  connections.cut();
  await closed;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
