import type { ProcessCondition, TokenConditions } from '../core/conditions.ts';
import type { CredentialEnd } from '../core/credential-expiry.ts';
import type { ProcessEvent, TokenEvent } from '../core/events.ts';
import type { Decision } from '../core/reconcile.ts';
import type { RevocationDecision } from '../core/revocation.ts';
import type { OwnShard, UnownedTokens } from '../core/shards.ts';
import type { StorageDecision } from '../core/storage.ts';
import type { TokenIdentity } from '../core/token.ts';

/** Where events go: logs, metrics. Never throws and never waits, so that a blocked sink stops no renewal. */
export interface Telemetry {
  /** Something happened to this token. */
  token(identity: TokenIdentity, event: TokenEvent): void;
  process(event: ProcessEvent): void;
  /** A condition of the token changed its status or its reason, or the last error is over. Not each such change is an event. */
  readonly changed?: (identity: TokenIdentity) => void;
  /**
   * What is kept of the token can go: it is no longer configured, or another replica looks after it. `only`: what is known of
   * its state, and not what was counted.
   */
  forget(identity: TokenIdentity, only?: 'state'): void;
}

/** Receives each decision about a token, about its stored copy, or about a token that it replaced. Never throws. */
export type DecisionLog = (
  identity: TokenIdentity,
  about: 'token' | 'copy' | 'replaced',
  decision: Decision | StorageDecision | RevocationDecision,
) => void;

/** What the metrics show of the state at the moment of a scrape, in addition to what they counted. */
export interface ExposedState {
  /** With the servers of the tokens. */
  readonly tokens?: Iterable<TokenConditions>;
  readonly process?: Iterable<ProcessCondition>;
  readonly shards?: Iterable<UnownedTokens>;
  readonly credentials?: Iterable<CredentialEnd>;
  /** The shard of this process. */
  readonly shard?: OwnShard;
}

/** A metric that is exposed, for the documents. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}
