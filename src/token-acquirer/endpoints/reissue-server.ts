import type { FastifyInstance } from 'fastify';
import type { StoreError } from '../../core/errors.ts';
import type { CallFacts } from '../../core/events.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { oneAtATime } from '../../core/one-at-a-time.ts';
import type { SecretReference } from '../../core/token.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { CertificateFiles, ClusterSettings, Configuration } from '../configuration/resolve.ts';
import type { RoutesDependencies } from './admission.ts';
import { AuthorityFile, type AuthorityFileDependencies } from './authority-file.ts';
import { Calls } from './calls.ts';
import { Connections } from './connections.ts';
import {
  type Address,
  createListener,
  type KeyPair,
  listen,
  parseAddress,
  pathOf,
  readKeyPair,
  renewCertificate,
  requireTls,
} from './listener.ts';
import type { ProcessStatus } from './process-status.ts';
import { addReissueRoutes } from './reissue-routes.ts';
import type { Server } from './server.ts';

/** A certificate that the token-acquirer makes for itself, and what clients check it with. */
export interface OwnCertificate extends KeyPair {
  readonly caBundle: string;
}

/** Keeps a certificate that this process makes. Calls back with the first certificate and each later one; the result stops it. */
export type KeepCertificate = (
  settings: ClusterSettings,
  listeners: {
    onChange(certificate: OwnCertificate): void;
    onFault(message: string): void;
    onMade(message: string): void;
    /** What is wrong with the Secret of its CA, if anything. */
    onStored(fault: StoreError | undefined, secret: SecretReference): void;
  },
) => () => void;

/** How the certificate of an endpoint is checked. */
export interface ServedTrust {
  /** Certificates in PEM; `undefined` for the public CAs. */
  readonly ca: string | undefined;
  /** Whether it serves plain http, on loopback. */
  readonly plain: boolean;
}

export interface ReissueEndpointDependencies extends Omit<RoutesDependencies, 'calls'>, AuthorityFileDependencies {
  readonly telemetry: Telemetry;
  readonly status: ProcessStatus;
  /** `undefined` where there is no cluster. */
  readonly keepCertificate: KeepCertificate | undefined;
  /** Connections of one remote address; on loopback, where all have the same address, as many as there may be. */
  readonly connectionsPerAddress: number;
  /** Whether the log shows the traces of calls. Left out: it does not. */
  readonly logTraces?: boolean | undefined;
  /** What other replicas ask; left out where there are none. */
  readonly addReplicaRoutes?: ((app: FastifyInstance, calls: Calls) => void) | undefined;
}

/** About 60 MB of memory, of the 192 MiB that the chart allows. */
const MOST_WITH_TLS = 1000;
const MOST_WITHOUT_TLS = 2000;

const IN_MEMORY =
  'Until then the CA of the reissue endpoint is only in memory: a restart makes another one, which clients trust when their volumes have it.';

const KINDS = { plain: 'without TLS', files: 'with TLS', own: 'with its own certificate' } as const;
type Kind = keyof typeof KINDS;

/** The reissue endpoint's server: where it listens, and with which certificate. */
export class ReissueEndpoint {
  readonly #dependencies: ReissueEndpointDependencies;
  readonly #address: Address;
  readonly #authority: AuthorityFile;
  readonly #reload = oneAtATime(() => this.#readAgain());
  #server: Server | undefined;
  #kind: Kind = 'plain';
  #wanted: Kind = 'plain';
  #files: CertificateFiles | undefined;
  #bundle: string | undefined;
  #caFile: string | undefined;
  #stopped = false;
  #unwatch: () => void = () => undefined;
  #stopKeeping: () => void = () => undefined;

  /** Throws UsageError for an address that is none. */
  constructor(address: string, dependencies: ReissueEndpointDependencies) {
    this.#address = parseAddress(address, '--listen');
    const publish = (bundle: string): void => {
      this.#bundle = bundle;
      dependencies.publish(bundle);
    };
    this.#dependencies = { ...dependencies, publish };
    this.#authority = new AuthorityFile(this.#dependencies);
  }

  get server(): Server | undefined {
    return this.#server;
  }

  /** How clients and other replicas trust it; `undefined` before that is known. */
  get trust(): ServedTrust | undefined {
    if (this.#server === undefined) return undefined;
    if (this.#kind === 'plain') return { ca: undefined, plain: true };
    const isPublic = this.#kind === 'files' && this.#caFile === undefined;
    if (isPublic) return { ca: undefined, plain: false };
    return this.#bundle === undefined ? undefined : { ca: this.#bundle, plain: false };
  }

  /** What of the configuration needs a restart, as a sentence. */
  get waiting(): string | undefined {
    if (this.#server === undefined || this.#wanted === this.#kind) return undefined;
    return `The reissue endpoint was started ${KINDS[this.#kind]} and stays so: restart the token-acquirer to change that.`;
  }

  /** Whether its certificate is one that it makes for itself: the first may be long in coming. */
  keepsItsOwn(configuration: Configuration): boolean {
    return this.#kindOf(configuration) === 'own';
  }

  /** Resolves when it listens. Throws UsageError. */
  async open(configuration: Configuration): Promise<void> {
    this.#kind = this.#kindOf(configuration);
    this.#wanted = this.#kind;
    this.#caFile = configuration.endpoint?.caFile;
    if (this.#kind === 'own') return this.#openWithItsOwn(configuration.cluster);
    const { endpoint } = configuration;
    requireTls(this.#address, endpoint);
    this.#watch(endpoint);
    await this.#authority.follow(endpoint?.caFile);
    await this.#listen(endpoint && (await readKeyPair(endpoint)));
  }

  /** The configuration was read again. */
  async follow(configuration: Configuration): Promise<void> {
    if (this.#stopped) return;
    this.#wanted = this.#kindOf(configuration);
    this.#caFile = configuration.endpoint?.caFile;
    this.#watch(configuration.endpoint);
    // Clients need no CA for a certificate that is not served.
    if (this.#kind === 'files' && this.#wanted === 'files')
      await this.#authority.follow(configuration.endpoint?.caFile);
    await this.#reload();
  }

  /** Takes no further certificate; the server is left to be closed. */
  stop(): void {
    this.#stopped = true;
    this.#unwatch();
    this.#authority.stop();
    this.#stopKeeping();
  }

  /** Resolves with the first certificate's server; later certificates are taken into use as they come. */
  #openWithItsOwn(settings: ClusterSettings): Promise<void> {
    const { keepCertificate, publish, telemetry } = this.#dependencies;
    return new Promise((resolve, reject) => {
      let latest: OwnCertificate | undefined;
      this.#stopKeeping =
        keepCertificate?.(settings, {
          onChange: (certificate) => {
            const first = latest === undefined;
            latest = certificate;
            publish(certificate.caBundle);
            if (!first) return this.#take(certificate);
            // Another certificate may have come before the server existed.
            const opened = this.#listen(certificate).then(() => latest !== undefined && this.#take(latest));
            opened.then(() => resolve(), reject);
          },
          onFault: (message) => telemetry.process({ kind: 'warning', message }),
          onMade: (message) => telemetry.process({ kind: 'authority-made', message }),
          onStored: (fault, secret) => this.#reportStored(fault, secret),
        }) ?? this.#stopKeeping;
    });
  }

  #reportStored(fault: StoreError | undefined, secret: SecretReference): void {
    const { status } = this.#dependencies;
    if (fault === undefined)
      return status.report('AuthorityStored', { status: true, reason: 'Stored', message: 'The CA is stored.' });
    const isWaiting = this.#server === undefined && !fault.missing;
    if (isWaiting) status.notReady = `The reissue endpoint waits for its certificate. ${fault.message}`;
    // An API server that is unavailable for a moment changes nothing.
    if (!fault.permanent && !isWaiting) return;
    const message = fault.missing ? `${fault.message} ${IN_MEMORY}` : fault.message;
    const reason = fault.missing ? 'SecretDoesNotExist' : 'StoreUnavailable';
    status.report('AuthorityStored', { status: false, reason, message }, secret);
  }

  #take(pair: KeyPair): void {
    if (this.#server !== undefined) renewCertificate(this.#server.app, pair);
  }

  async #listen(pair: KeyPair | undefined): Promise<void> {
    if (this.#stopped) return;
    const { telemetry, logTraces: traces } = this.#dependencies;
    const calls = new Calls({ traces });
    const app = createListener(pair, (status, request, kind) => {
      this.#reportError(status, pathOf(request), { call: calls.of(request), kind });
    });
    // Callers that keep their connection open leave it before the server closes it.
    app.addHook('onSend', async (_request, reply) => {
      if (this.#stopped) reply.header('connection', 'close');
    });
    await addReissueRoutes(app, { ...this.#dependencies, calls });
    this.#dependencies.addReplicaRoutes?.(app, calls);
    const most = pair === undefined ? MOST_WITHOUT_TLS : MOST_WITH_TLS;
    const share = isLoopbackHost(this.#address.host) ? most : this.#dependencies.connectionsPerAddress;
    this.#server = { app, connections: new Connections(app.server, { most, share }) };
    const url = await listen(app, this.#address, '--listen');
    telemetry.process({ kind: 'listening', endpoint: 'reissue', url });
  }

  #kindOf({ endpoint }: Configuration): Kind {
    if (endpoint !== undefined) return 'files';
    const { keepCertificate } = this.#dependencies;
    return keepCertificate !== undefined && !isLoopbackHost(this.#address.host) ? 'own' : 'plain';
  }

  #watch(files: CertificateFiles | undefined): void {
    const same =
      files?.certificateFile === this.#files?.certificateFile && files?.privateKeyFile === this.#files?.privateKeyFile;
    this.#files = files;
    if (same) return;
    this.#unwatch();
    const watched = files === undefined ? [] : [files.certificateFile, files.privateKeyFile];
    const stops = watched.map((file) => this.#dependencies.watchFile(file, () => void this.#reload()));
    this.#unwatch = () => {
      for (const stop of stops) stop();
    };
  }

  async #readAgain(): Promise<void> {
    const { telemetry, sentenceOf } = this.#dependencies;
    const files = this.#files;
    if (this.#server === undefined || this.#stopped) return;
    if (this.waiting !== undefined) return telemetry.process({ kind: 'warning', message: this.waiting });
    if (files === undefined) return;
    try {
      this.#take(await readKeyPair(files));
    } catch (error) {
      telemetry.process({ kind: 'warning', message: `${sentenceOf(error)} The one in use stays.` });
    }
  }

  #reportError(status: number, path: string, { call, kind }: { call: CallFacts; kind: string }): void {
    const { telemetry } = this.#dependencies;
    if (status === 400 || status === 413 || status === 415) {
      telemetry.process({ kind: 'call-refused', status, path, call });
    }
    if (status < 500) return;
    telemetry.process({ kind: 'warning', message: `A call failed inside the token-acquirer (${kind}); it goes on.` });
  }
}
