import { aborted } from '../core/aborted.ts';
import { isWorking } from '../core/leadership.ts';
import { oneAtATime } from '../core/one-at-a-time.ts';
import type { Ms } from '../core/token.ts';
import type { RefreshTokenStore } from '../ports/refresh-token-store.ts';
import type { VolumeNudge } from '../ports/volume-nudge.ts';
import type { Adapters, RunOptions } from './adapters.ts';
import { loadOf, memoryWarning } from './configuration/memory-need.ts';
import type { ClusterSettings, Configuration } from './configuration/resolve.ts';
import { warningsOf } from './configuration/warnings.ts';
import { ConfigurationFile, sentenceOf } from './configuration-in-force.ts';
import { ProcessStatus } from './endpoints/process-status.ts';
import { ReissueEndpoint, type ServedTrust } from './endpoints/reissue-server.ts';
import { closeInTime, type Server } from './endpoints/server.ts';
import { StatusEndpoint } from './endpoints/status-server.ts';
import { FileChanges } from './file-changes.ts';
import { electionFinding } from './leadership/election-finding.ts';
import type { Elector } from './leadership/elector.ts';
import { type Leadership, SOLE_LEADER } from './leadership/leadership.ts';
import { processResources } from './process-resources.ts';
import { ProcessShards } from './process-shards.ts';
import { ReplaceableAuthenticator, ReplaceableTokenEndpoint } from './replaceable.ts';
import { type ReplicaParts, replicaParts } from './replica-parts.ts';
import type { ResourceTokens } from './resources/resource-tokens.ts';
import { restartSentence } from './restart-settings.ts';
import { checkState } from './state-check.ts';
import { Acquirer } from './token/acquirer.ts';
import { Slots } from './token/slots.ts';

/** Token requests in flight together at each authorization server. */
const CONCURRENT_REQUESTS = 20;

/**
 * Runs until `stop` aborts, then ends within the grace. Throws UsageError or ConfigurationError where it cannot begin, and logs
 * nothing of its end then, so that the reason is the last that is printed.
 */
export async function runTokenAcquirer(options: RunOptions, adapters: Adapters, stop: AbortSignal): Promise<void> {
  const { clock, telemetry } = adapters;
  const status = new ProcessStatus(clock, telemetry);
  const file = new ConfigurationFile(options.config, { ...adapters, status });
  const changes = new FileChanges((changed) => adapters.watchFile(options.config, changed));
  let running: RunningAcquirer;
  try {
    running = new RunningAcquirer(await file.load(), { options, adapters, status, file, changes });
  } catch (error) {
    changes.stop();
    throw error;
  }
  try {
    await running.start(stop);
    await aborted(stop);
    telemetry.process({ kind: 'stopping', message: 'Finishing the requests in flight. No new request begins.' });
  } finally {
    await running.end();
  }
  telemetry.process({ kind: 'stopped' });
}

/** Reading so many leaves enough garbage that it is collected before their cycles begin. */
const MANY_TOKENS = 500;

/** How long a replica still takes calls after SIGTERM. */
const LINGER: Ms = 5000;

/**
 * How long tokens wait for the endpoint. Its certificate is made in 0.1 s, or in a second while hundreds of tokens are read,
 * and nobody answers the clients until then. It may also come much later, so tokens do not wait for longer.
 */
const ENDPOINT_FIRST: Ms = 500;

interface Process {
  readonly options: RunOptions;
  readonly adapters: Adapters;
  readonly status: ProcessStatus;
  readonly file: ConfigurationFile;
  readonly changes: FileChanges;
}

/** The token-acquirer with a configuration that was loaded: its tokens, its servers, and what a reload replaces. */
class RunningAcquirer {
  readonly #process: Process;
  readonly #abandon = new AbortController();
  readonly #ending = new AbortController();
  readonly #acquirer: Acquirer;
  readonly #chains: RefreshTokenStore;
  readonly #reissue: ReissueEndpoint;
  readonly #statusServer: StatusEndpoint;
  readonly #replicas: ReplicaParts | undefined;
  readonly #callers: ReplaceableAuthenticator;
  readonly #endpoint: ReplaceableTokenEndpoint;
  readonly #shards: ProcessShards;
  readonly #elector: Elector | undefined;
  readonly #resources: ResourceTokens | undefined;
  readonly #volume: { common: Readonly<Record<string, string>>; mounted: boolean; nudge: VolumeNudge | undefined };
  /** What it started with. Some of these settings count until the next start. */
  readonly #first: Configuration;
  readonly #reload = oneAtATime(() => this.#loadAgain());
  #configuration: Configuration;

  /** Throws UsageError for an address that is not valid, and for callers that nobody here can check. */
  constructor(configuration: Configuration, process: Process) {
    const { options, adapters, status } = process;
    this.#process = process;
    this.#first = configuration;
    this.#configuration = configuration;
    this.#callers = new ReplaceableAuthenticator((wanted) => adapters.createCallers(wanted), configuration);
    this.#endpoint = new ReplaceableTokenEndpoint(adapters.createEndpoint(configuration.servers));
    const nudge = wantedNudge(configuration, adapters);
    this.#volume = { common: {}, mounted: adapters.nudge !== undefined, nudge };
    const { clock, election } = adapters;
    this.#shards = new ProcessShards(configuration, { clock, election, status, own: options.shard });
    this.#elector = this.#takePart();
    const leadership = this.#leadership;
    this.#chains = adapters.createChains(configuration.cluster);
    const resources = processResources({
      adapters,
      leadership,
      shards: this.#shards,
      acquirer: () => this.#acquirer,
      changed: () => this.#resourcesChanged(),
    });
    this.#resources = resources.tokens;
    this.#acquirer = new Acquirer({
      ...adapters,
      ...resources.dependencies,
      slots: new Slots(CONCURRENT_REQUESTS, adapters.clock),
      abandon: this.#abandon.signal,
      volume: this.#volume,
      leadership,
      shards: this.#shards.leases,
      chains: this.#chains,
      endpoint: this.#endpoint,
    });
    const acquirer = this.#acquirer;
    const { service } = configuration.cluster;
    const trust = (): ServedTrust | undefined => this.#reissue.trust;
    const replicas = replicaParts({ adapters, leadership, shards: this.#shards, acquirer, service, trust });
    this.#replicas = replicas;
    this.#statusServer = new StatusEndpoint(options, {
      ...adapters,
      acquirer,
      shards: this.#shards,
      status,
      replica: replicas?.view,
      isPageOn: () => this.#configuration.hasStatusPage,
    });
    this.#reissue = new ReissueEndpoint(options.listen, {
      ...adapters,
      acquirer,
      forwarding: replicas?.forwarding,
      addReplicaRoutes: replicas?.routes({ ...adapters, callers: this.#callers, status }),
      status,
      connectionsPerAddress: options.connectionsPerAddress,
      logTraces: options.logTraces,
      callers: this.#callers,
      watchFile: (file, changed) => adapters.watchFile(file, changed),
      publish: (caBundle) => this.#publish(caBundle),
      sentenceOf,
    });
  }

  #publish(caBundle: string): void {
    this.#volume.common = { 'ca.crt': caBundle };
    this.#acquirer.volumeChanged();
  }

  /** Resolves when it is ready, or `stop` aborted. */
  async start(stop: AbortSignal): Promise<void> {
    const { adapters, status, file, changes } = this.#process;
    const configuration = this.#first;
    this.#prepareFor(configuration);
    this.#elector?.run();
    const opened = this.#reissue.open(configuration);
    if (this.#reissue.keepsItsOwn(configuration)) opened.catch(() => undefined);
    else await opened;
    await this.#statusServer.open();
    const looked = this.#shards.run(this.#ending.signal);
    await Promise.race([opened, aborted(stop), adapters.clock.wait(ENDPOINT_FIRST)]);
    await Promise.race([looked, aborted(stop)]);
    this.#apply(configuration);
    this.#resources?.follow(configuration.services);
    this.#reportLoaded(configuration);
    file.accepted();
    this.#checkState();
    changes.follow(() => void this.#reload());
    await Promise.race([opened, aborted(stop)]);
    if (!stop.aborted) status.notReady = undefined;
  }

  async end(): Promise<void> {
    const { options, adapters, status, changes } = this.#process;
    status.notReady = 'The token-acquirer is stopping.';
    changes.stop();
    this.#resources?.stop();
    this.#ending.abort();
    this.#reissue.stop();
    const ended = this.#finish();
    await Promise.race([ended, adapters.clock.wait(this.#linger + options.grace)]);
    this.#abandon.abort();
    await Promise.race([ended, adapters.clock.wait(options.grace / 4)]);
    this.#reissue.server?.connections.cut();
    this.#statusServer.cut();
  }

  /** The status address closes last, so that it shows how the end goes. */
  async #finish(): Promise<void> {
    const { server } = this.#reissue;
    // The next leader renews the tokens from then on, and this replica passes calls on to it.
    const handedOver = this.#acquirer.stop().then(() => this.#elector?.release());
    await Promise.all([handedOver, server && this.#closeLater(server)]);
    this.#elector?.stop();
    this.#replicas?.caller.close();
    await this.#statusServer.close();
  }

  /** The cluster sends calls for some seconds more: until each node knows that the pod ends. */
  async #closeLater(server: Server): Promise<void> {
    await this.#process.adapters.clock.wait(this.#linger, this.#abandon.signal);
    await closeInTime(server);
  }

  get #linger(): Ms {
    return this.#elector === undefined ? 0 : LINGER;
  }

  /** Begins, changes and ends the cycles of the tokens that this shard owns. */
  #apply(configuration: Configuration, change?: 'resources'): void {
    const shards = this.#shards;
    const tokens = this.#tokensOf(configuration);
    shards.follow({ ...configuration, tokens });
    this.#acquirer.apply(tokens, (token) => shards.owns(token), change);
    // The shards that gain tokens wait for this statement.
    const { assignment } = shards.leases ?? {};
    void this.#acquirer.released().then(() => {
      if (assignment !== undefined && assignment === shards.leases?.assignment) this.#elector?.act(assignment);
    });
  }

  /** Those of the file, and those of AccessTokens. */
  #tokensOf({ tokens }: Configuration): Configuration['tokens'] {
    return [...tokens, ...(this.#resources?.specifications ?? [])];
  }

  #resourcesChanged(): void {
    const configuration = this.#configuration;
    this.#callers.tokensChanged(this.#withResources(configuration));
    this.#apply(configuration, 'resources');
  }

  #withResources(configuration: Configuration): Configuration {
    return { ...configuration, tokens: this.#tokensOf(configuration) };
  }

  /** Before the tokens of a configuration are begun or changed. */
  #prepareFor({ tokens, cluster }: Configuration): void {
    const { adapters } = this.#process;
    if (tokens.length >= MANY_TOKENS) adapters.releaseMemory?.();
    adapters.storeWatch?.enable(cluster.watch);
  }

  /** Throws UsageError for callers that nobody here can check, and changes nothing then. */
  #use(configuration: Configuration): void {
    const { adapters } = this.#process;
    const endpoint = adapters.createEndpoint(configuration.servers);
    this.#callers.replace(this.#withResources(configuration));
    this.#endpoint.replace(endpoint);
    this.#volume.nudge = wantedNudge(configuration, adapters);
    this.#prepareFor(configuration);
    this.#configuration = configuration;
  }

  get #leadership(): Leadership {
    return this.#elector ?? SOLE_LEADER;
  }

  /** Returns `undefined` where there can be no other replica. */
  #takePart(): Elector | undefined {
    const { adapters, status } = this.#process;
    const { election } = adapters;
    if (election === undefined) return undefined;
    const { deployment, leases } = this.#shards;
    const place = `${election.namespace}/${deployment}`;
    return election.begin(deployment, leases?.assignment ?? '', (view, role) => {
      const finding = electionFinding(view, role, place);
      if (finding !== undefined) status.report('Elected', finding);
    });
  }

  #checkState(): void {
    const { adapters, options, status } = this.#process;
    if (adapters.election === undefined) return;
    const { namespace } = adapters.election;
    const place = { namespace, secret: this.#first.cluster.stateSecret };
    const isNeeded = (): boolean =>
      isWorking(this.#leadership.role) &&
      this.#configuration.tokens.some(({ rotates, shard }) => rotates && shard === options.shard);
    void checkState({ clock: adapters.clock, store: this.#chains, place, status, isNeeded }, this.#ending.signal);
  }

  /** If the file is invalid, the configuration in force stays. */
  async #loadAgain(): Promise<void> {
    const { adapters, file } = this.#process;
    try {
      const configuration = await file.load();
      if (this.#ending.signal.aborted) return;
      const nudged = this.#configuration.cluster.nudge;
      this.#use(configuration);
      this.#apply(configuration);
      this.#resources?.follow(configuration.services);
      this.#reportLoaded(configuration);
      // A status that is read after the change must not show the condition of before.
      if (nudged !== configuration.cluster.nudge) this.#acquirer.wake();
      await this.#reissue.follow(configuration);
      file.accepted(this.#waitingChanges(configuration.cluster));
    } catch (error) {
      const sentence = sentenceOf(error);
      file.rejected(error, sentence);
      const message = `${sentence} The configuration that was in force stays.`;
      adapters.telemetry.process({ kind: 'configuration-refused', message });
    }
  }

  /** Reports what the configuration changed that needs a restart, and returns it as a sentence. */
  #waitingChanges(now: ClusterSettings): string | undefined {
    const message = restartSentence(this.#first.cluster, now);
    if (message === undefined) return this.#reissue.waiting;
    this.#process.adapters.telemetry.process({ kind: 'warning', message });
    return message;
  }

  #reportLoaded({ tokens, servers }: Configuration): void {
    const { options, adapters } = this.#process;
    const { telemetry, memoryLimit } = adapters;
    telemetry.process({ kind: 'configuration-loaded', tokens: tokens.length, file: options.config });
    const warning = memoryWarning(loadOf(tokens.filter((token) => this.#shards.owns(token))), memoryLimit?.());
    if (warning !== undefined) telemetry.process({ kind: 'warning', message: warning });
    for (const message of warningsOf({ tokens, servers })) telemetry.process({ kind: 'warning', message });
  }
}

/** `undefined` where the configuration does not ask for it, or there is no cluster. */
function wantedNudge({ cluster }: Configuration, { nudge }: Adapters): VolumeNudge | undefined {
  return cluster.nudge ? nudge : undefined;
}
