import type { Sha256, TokenIdentity } from '../../core/token.ts';
import type { AppLogs } from '../../ports/app-log.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { ExecutionState } from '../../ports/execution-state.ts';
import type { Pace } from '../../ports/pace.ts';
import type { Random } from '../../ports/random.ts';
import type { RefreshTokenStore } from '../../ports/refresh-token-store.ts';
import type { StoreWatch } from '../../ports/store-watch.ts';
import type { DecisionLog, Telemetry } from '../../ports/telemetry.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';
import type { TokenStore } from '../../ports/token-store.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { ShardHandover } from '../shards/shard-handover.ts';
import type { CredentialExpiries } from './credential-expiries.ts';
import type { CredentialGate } from './credential-gate.ts';
import type { CredentialProofs } from './credential-proofs.ts';
import type { CredentialReadings } from './credential-readings.ts';
import type { Intervals } from './intervals.ts';
import type { Outages } from './outages.ts';
import type { RequestInputs } from './request-inputs.ts';
import type { ServerClocks } from './server-clocks.ts';
import type { Slots } from './slots.ts';
import type { TokenSpecification } from './specification.ts';
import type { VolumeContents } from './stored-copy.ts';

export interface Dependencies {
  readonly clock: Clock;
  readonly random: Random;
  /** Left out: nothing is spread. */
  readonly pace?: Pace | undefined;
  readonly credentials: CredentialSource;
  readonly store: TokenStore;
  /** Left out where the store cannot be watched. */
  readonly storeWatch?: StoreWatch | undefined;
  readonly chains: RefreshTokenStore;
  readonly execution: ExecutionState;
  /** Left out where there is no cluster. */
  readonly logs?: AppLogs | undefined;
  readonly endpoint: TokenEndpoint;
  readonly telemetry: Telemetry;
  /** Left out where decisions are not logged. */
  readonly logDecision?: DecisionLog | undefined;
  readonly volume: VolumeContents;
  readonly slots: Slots;
  /** Which replica works on the tokens. */
  readonly leadership: Leadership;
  /** Other shards, which tokens may come from and go to. Left out: there can be none. */
  readonly shards?: ShardHandover | undefined;
  /** Whether the token of an AccessToken that is no longer worked on stays in its Secret. Left out: there are no AccessTokens. */
  readonly isLeft?: ((identity: TokenIdentity) => boolean) | undefined;
  /** Whether a stored token may be one that an earlier spec of its AccessToken asked for. Left out: there are no AccessTokens. */
  readonly mayBeFormer?: ((identity: TokenIdentity) => boolean) | undefined;
  /** Aborts when requests in flight are to be abandoned. */
  readonly abandon: AbortSignal;
}

/** With what the tokens of one process share. */
export interface CycleDependencies extends Dependencies {
  readonly clocks: ServerClocks;
  readonly outages: Outages;
  readonly gate: CredentialGate;
  readonly inputs: RequestInputs;
  readonly proofs: CredentialProofs;
  readonly readings: CredentialReadings;
  readonly intervals: Intervals;
  readonly expiries: CredentialExpiries;
  /** Bounds requests to revoke tokens, which delay no token request. */
  readonly revocationSlots: Slots;
}

/** What a token has to know of the others. */
export interface Neighbours {
  /** Whether another configured token has this key in the same Secret. */
  readonly isTaken: (key: string) => boolean;
  /** Whether another configured token has this access token, or had it just before. */
  readonly isUsed: (hash: Sha256) => boolean;
  /** Resolves when the cycles have stopped that this one replaces: what had its name or its key. */
  readonly predecessors: Promise<unknown>;
  /** Which process works on this token. */
  readonly leadership: Pick<Leadership, 'role'>;
  /** What the token stored under its key was requested with, where that is known. */
  readonly requested: TokenSpecification | undefined;
}
