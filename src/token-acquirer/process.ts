import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { messageOf, systemCode, UsageError } from '../core/errors.ts';
import { identityText, type Ms } from '../core/token.ts';
import type { CallerAuthenticator } from '../ports/caller-authenticator.ts';
import type { TokenEndpoint } from '../ports/token-endpoint.ts';
import { Acquirer } from './acquirer.ts';
import { ConfigurationError } from './configuration/faults.ts';
import { parseConfiguration } from './configuration/parse.ts';
import type { CallerSettings, Configuration, ServerSettings } from './configuration/resolve.ts';
import { Connections } from './connections.ts';
import {
  type Certificate,
  createListener,
  hasTls,
  listen,
  parseAddress,
  refuseForeignPages,
  renewCertificate,
  requireTls,
} from './listener.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { addReissueRoutes } from './routes.ts';
import { Slots } from './slots.ts';
import { addStatusRoutes, type StatusRoutesDependencies } from './status-routes.ts';
import type { Dependencies } from './token-cycle.ts';

/** Token requests in flight at once, over all tokens. */
const CONCURRENT_REQUESTS = 20;

export interface RunOptions {
  readonly config: string;
  readonly listen: string;
  readonly statusListen: string;
  /** How long requests in flight may go on after a stop. */
  readonly grace: Ms;
}

/** Everything the process touches, wired in main.ts. */
export interface Adapters extends Omit<Dependencies, 'endpoint' | 'slots' | 'abandon'> {
  readonly metrics: StatusRoutesDependencies['metrics'];
  createEndpoint(servers: Readonly<Record<string, ServerSettings>>): TokenEndpoint;
  createCallers(callers: readonly CallerSettings[]): CallerAuthenticator;
  /** Calls back when the file changes; the result stops it. */
  watchFile(file: string, changed: () => void): () => void;
}

/** Reads and checks a configuration file. Throws UsageError or ConfigurationError. */
export async function loadConfiguration(file: string): Promise<Configuration> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `The configuration ${file} cannot be read (${systemCode(error) ?? 'failed'}); name a readable YAML file with --config.`,
    );
  }
  return parseConfiguration(text, file);
}

/** Runs until `stop` aborts, then ends within the grace. Throws UsageError or ConfigurationError where it cannot begin. */
export async function runTokenAcquirer(options: RunOptions, adapters: Adapters, stop: AbortSignal): Promise<void> {
  const process = new TokenAcquirerProcess(options, adapters);
  try {
    await process.start();
    await aborted(stop);
  } finally {
    await process.end();
  }
}

class TokenAcquirerProcess {
  readonly #options: RunOptions;
  readonly #adapters: Adapters;
  readonly #abandon = new AbortController();
  readonly #acquirer: Acquirer;
  readonly #listeners: { readonly app: FastifyInstance; readonly connections: Connections }[] = [];
  readonly #reload = oneAtATime(() => this.#loadAgain());
  readonly #renewCertificate = oneAtATime(() => this.#readCertificateAgain());
  #endpoint: TokenEndpoint | undefined;
  #callers: CallerAuthenticator | undefined;
  #configuration: Configuration | undefined;
  #unwatchConfiguration: () => void = () => undefined;
  #unwatchCertificate: () => void = () => undefined;
  #changedEarly = false;
  #ready = false;

  constructor(options: RunOptions, adapters: Adapters) {
    this.#options = options;
    this.#adapters = adapters;
    this.#acquirer = new Acquirer({
      ...adapters,
      slots: new Slots(CONCURRENT_REQUESTS),
      abandon: this.#abandon.signal,
      // Replaced as a whole when the configuration changes; a request in flight keeps the one that it began with.
      endpoint: { request: (request, signal) => (this.#endpoint as TokenEndpoint).request(request, signal) },
    });
  }

  async start(): Promise<void> {
    const { config } = this.#options;
    // From before it is read, so that no change is missed.
    this.#unwatchConfiguration = this.#adapters.watchFile(config, () => this.#changed());
    const configuration = await loadConfiguration(config);
    this.#use(configuration);
    await this.#listen(configuration);
    this.#acquirer.apply(configuration.tokens);
    this.#ready = true;
    this.#tellLoaded(configuration);
    if (this.#changedEarly) void this.#reload();
  }

  async end(): Promise<void> {
    const { telemetry, clock } = this.#adapters;
    this.#ready = false;
    this.#unwatchConfiguration();
    this.#unwatchCertificate();
    telemetry.process({ kind: 'stopping', message: 'Requests in flight are finished; no new one is begun.' });
    const ended = this.#finish();
    await Promise.race([ended, clock.wait(this.#options.grace)]);
    this.#abandon.abort();
    await Promise.race([ended, clock.wait(this.#options.grace / 4)]);
    for (const { connections } of this.#listeners) connections.cut();
    telemetry.process({ kind: 'stopped' });
  }

  /** The status address last, so that it tells how the end goes. */
  async #finish(): Promise<void> {
    const [reissue, ...others] = this.#listeners;
    await Promise.all([this.#acquirer.stop(), reissue && closeInTime(reissue)]);
    await Promise.all(others.map((listener) => closeInTime(listener)));
  }

  #changed(): void {
    if (this.#ready) void this.#reload();
    else this.#changedEarly = true;
  }

  #use(configuration: Configuration): void {
    this.#endpoint = this.#adapters.createEndpoint(configuration.servers);
    this.#callers = this.#adapters.createCallers(configuration.callers);
    const before = this.#configuration?.endpoint;
    this.#configuration = configuration;
    if (!sameFiles(before, configuration.endpoint)) this.#watchCertificate(configuration.endpoint);
  }

  #watchCertificate(endpoint: Certificate | undefined): void {
    this.#unwatchCertificate();
    const files = endpoint === undefined ? [] : [endpoint.certificateFile, endpoint.privateKeyFile];
    const stops = files.map((file) => this.#adapters.watchFile(file, () => void this.#renewCertificate()));
    this.#unwatchCertificate = () => {
      for (const stop of stops) stop();
    };
  }

  async #listen({ endpoint }: Configuration): Promise<void> {
    const { telemetry, clock, metrics } = this.#adapters;
    const address = parseAddress(this.#options.listen, '--listen');
    const statusAddress = parseAddress(this.#options.statusListen, '--status-listen');
    requireTls(address, endpoint);
    const reissue = await createListener(endpoint, (status, path, kind) => this.#tellError(status, path, kind));
    const callers: CallerAuthenticator = {
      authenticate: (bearer) => (this.#callers as CallerAuthenticator).authenticate(bearer),
    };
    await addReissueRoutes(reissue, { acquirer: this.#acquirer, callers, clock, telemetry });
    const status = await createListener(undefined);
    refuseForeignPages(status);
    addStatusRoutes(status, { acquirer: this.#acquirer, clock, metrics, ready: () => this.#ready });
    this.#listeners.push(...[reissue, status].map((app) => ({ app, connections: new Connections(app.server) })));
    telemetry.process({ kind: 'listening', endpoint: 'reissue', url: await listen(reissue, address, '--listen') });
    telemetry.process({
      kind: 'listening',
      endpoint: 'status',
      url: await listen(status, statusAddress, '--status-listen'),
    });
  }

  /** A broken file leaves the running configuration in force. */
  async #loadAgain(): Promise<void> {
    try {
      const configuration = await loadConfiguration(this.#options.config);
      if (!this.#ready) return;
      this.#use(configuration);
      this.#acquirer.apply(configuration.tokens);
      this.#tellLoaded(configuration);
      await this.#renewCertificate();
    } catch (error) {
      const message = `${sentenceOf(error)} The configuration that was in force stays.`;
      this.#adapters.telemetry.process({ kind: 'configuration-refused', message });
    }
  }

  async #readCertificateAgain(): Promise<void> {
    const [reissue] = this.#listeners;
    const endpoint = this.#configuration?.endpoint;
    if (reissue === undefined || !this.#ready) return;
    const tls = hasTls(reissue.app);
    if (tls !== (endpoint !== undefined)) {
      const message = `The reissue endpoint was started ${tls ? 'with' : 'without'} TLS and stays so: restart the token-acquirer to change that.`;
      this.#adapters.telemetry.process({ kind: 'warning', message });
    } else if (endpoint !== undefined) {
      try {
        await renewCertificate(reissue.app, endpoint);
      } catch (error) {
        this.#adapters.telemetry.process({ kind: 'warning', message: `${sentenceOf(error)} The one in use stays.` });
      }
    }
  }

  #tellError(status: number, path: string, kind: string): void {
    const { telemetry } = this.#adapters;
    if (status === 400 || status === 413) telemetry.process({ kind: 'call-refused', status, path, caller: undefined });
    if (status < 500) return;
    telemetry.process({ kind: 'warning', message: `A call failed inside the token-acquirer (${kind}); it goes on.` });
  }

  #tellLoaded({ tokens }: Configuration): void {
    const { telemetry } = this.#adapters;
    telemetry.process({ kind: 'configuration-loaded', tokens: tokens.length, file: this.#options.config });
    for (const { identity, grant } of tokens) {
      if (grant !== 'password') continue;
      const message = `${identityText(identity)} uses the grant password, which RFC 9700 section 2.4 forbids for new applications: it hands the user's password to a client and defeats multi-factor authentication. Prefer client_credentials where the authorization server has it.`;
      telemetry.process({ kind: 'warning', message });
    }
  }
}

/** What has been asked is answered; connections on which nothing is being answered are not waited for. */
async function closeInTime({ app, connections }: { app: FastifyInstance; connections: Connections }): Promise<void> {
  const closed = app.close();
  await connections.quiet();
  connections.cut();
  await closed;
}

function sameFiles(one: Certificate | undefined, other: Certificate | undefined): boolean {
  return one?.certificateFile === other?.certificateFile && one?.privateKeyFile === other?.privateKeyFile;
}

/** The message of an error of our own; of others the kind alone, as they may quote anything. */
function sentenceOf(error: unknown): string {
  if (error instanceof UsageError || error instanceof ConfigurationError) return messageOf(error);
  return `It failed inside the token-acquirer (${error instanceof Error ? error.name : 'unknown'}).`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
