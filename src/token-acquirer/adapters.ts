import type { OriginOf } from '../core/file-origin.ts';
import type { Ms } from '../core/token.ts';
import type { AccessTokens } from '../ports/access-tokens.ts';
import type { CallerAuthenticator } from '../ports/caller-authenticator.ts';
import type { Lease } from '../ports/lease.ts';
import type { ServerSettings } from '../ports/protocols.ts';
import type { RefreshTokenStore } from '../ports/refresh-token-store.ts';
import type { ReplicaCaller, ReplicaTrust } from '../ports/replica-caller.ts';
import type { TokenEndpoint } from '../ports/token-endpoint.ts';
import type { VolumeNudge } from '../ports/volume-nudge.ts';
import type { ClusterSettings, Configuration } from './configuration/resolve.ts';
import type { OwnAccount } from './endpoints/leader-calls.ts';
import type { KeepCertificate } from './endpoints/reissue-server.ts';
import type { LastEvents } from './endpoints/status-page/last-events.ts';
import type { StatusRoutesDependencies } from './endpoints/status-routes.ts';
import type { StatusAddresses } from './endpoints/status-server.ts';
import type { Elector, ElectorOptions } from './leadership/elector.ts';
import type { Dependencies } from './token/cycle-dependencies.ts';

export interface RunOptions extends StatusAddresses {
  readonly config: string;
  readonly listen: string;
  readonly connectionsPerAddress: number;
  /** Whether the log shows the traces of calls. Left out: it does not. */
  readonly logTraces?: boolean;
  /** Whose tokens this process works on. */
  readonly shard: number;
  /** How long requests in flight may go on after a stop. */
  readonly grace: Ms;
}

export interface Election {
  /** The namespace of the Lease. */
  readonly namespace: string;
  /**
   * Takes part in the election of a Deployment, whose Lease has its name. `assignment`: which shards the process acts on. `onLook` is
   * called after each look at the Lease, and where the role changed.
   */
  begin(deployment: string, assignment: string, onLook: ElectorOptions['onLook']): Elector;
  /** A Lease that this process only reads. */
  leaseOf(name: string): Pick<Lease, 'read'>;
}

/** How other replicas are reached, and who this one is for them. */
export interface ReplicaAccess {
  /** The own pod. */
  readonly pod: string;
  readonly namespace: string;
  connect(trust: () => ReplicaTrust | undefined): ReplicaCaller;
  /** Returns the own ServiceAccount, or a sentence about why its token cannot be used. */
  account(): OwnAccount | string;
}

/** Everything the process touches, wired in run-main.ts. */
export interface Adapters
  extends Omit<Dependencies, 'endpoint' | 'chains' | 'volume' | 'slots' | 'abandon' | 'leadership'> {
  readonly metrics: StatusRoutesDependencies['metrics'];
  /** Receives all events, for the status page. */
  readonly lastEvents: LastEvents;
  createEndpoint(servers: Readonly<Record<string, ServerSettings>>): TokenEndpoint;
  /** Throws UsageError where the configuration names callers that nobody here can check. */
  createCallers(configuration: Pick<Configuration, 'callers' | 'cluster' | 'tokens'>): CallerAuthenticator;
  createChains(settings: ClusterSettings): RefreshTokenStore;
  /** How replicas elect the one that renews the tokens; `undefined` where there can be only one. */
  readonly election?: Election | undefined;
  /** Left out where there can be no other replica. */
  readonly replicas?: ReplicaAccess | undefined;
  /** Left out without a cluster. */
  readonly accessTokens?: AccessTokens | undefined;
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
