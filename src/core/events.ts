import type { ProcessConditionType } from './conditions.ts';
import type { TokenErrorCode } from './errors.ts';
import type { ConditionReason, RequestReason } from './reasons.ts';
import type { ForwardedTo } from './reissue-route.ts';
import type { EpochMs, Ms, SecretReference, Sha256, Token, TokenIdentity } from './token.ts';
import type { TraceContext } from './trace-context.ts';

/** The cause of a token request. */
export type Trigger = 'renewal' | 'reissue';

/** The result of a call of the reissue endpoint. */
export type ReissueResult =
  | 'reissued'
  | 'coalesced'
  | 'newer'
  | 'paused'
  | 'rate_limited'
  | 'failed'
  | 'store_unavailable'
  | 'stopping'
  | 'leader_unavailable';

/** What a call led to has the trace of that call. */
interface Traced {
  readonly trace?: TraceContext | undefined;
}

/** Facts of every token request. `server`: the name of the authorization server in the configuration. */
interface RequestFacts extends Traced {
  readonly server: string;
  readonly trigger: Trigger;
  readonly took: Ms;
}

/** An event of one token, for the log and the metrics. It never holds a secret. */
export type TokenEvent =
  | { kind: 'token-adopted'; token: TokenFacts }
  | ({ kind: 'token-issued'; token: TokenFacts; reason: RequestReason } & RequestFacts)
  | ({ kind: 'token-request-failed'; code: TokenErrorCode; message: string; retryIn: Ms } & RequestFacts)
  | ({ kind: 'token-stored'; token: TokenFacts } & Traced)
  | { kind: 'token-repaired'; token: TokenFacts; message: string }
  | { kind: 'token-withdrawn'; message: string }
  | { kind: 'token-rescheduled'; token: TokenFacts; message: string }
  | ({ kind: 'store-failed'; message: string } & Traced)
  | { kind: 'stored-token-unreadable'; message: string }
  | { kind: 'suspended'; message: string }
  | { kind: 'resumed'; message: string }
  | { kind: 'execution-state-unknown'; message: string }
  | { kind: 'credential-unusable'; message: string }
  | { kind: 'credential-expiry-unreadable'; message: string }
  | { kind: 'next-secret-in-use'; message: string }
  | { kind: 'ca-unusable'; message: string }
  | { kind: 'server-unreachable'; message: string }
  | { kind: 'volume-seen'; generation: number; lag: Ms }
  | { kind: 'pods-left-behind'; message: string }
  | { kind: 'pods-not-selected'; message: string }
  | { kind: 'volume-follows-late'; message: string }
  | { kind: 'lifetime-not-stated'; message: string }
  | { kind: 'token-revoked'; server: string }
  | { kind: 'revocation-failed'; server: string; result: 'failed' | 'unsupported'; message: string }
  | { kind: 'interval-invalid'; message: string }
  | { kind: 'interval-short'; message: string }
  | { kind: 'clock-disagrees'; message: string }
  | { kind: 'evidence-not-followed'; message: string }
  | { kind: 'caller-unknown'; message: string; calls: number }
  | { kind: 'cycle-failed'; message: string };

/** The caller of the reissue endpoint. `trace`: if the log shows traces, and the call named one. */
export interface CallFacts extends Traced {
  /** ID of this call, which the answer carries, too. */
  readonly id: string;
  /** Address that the call came from. */
  readonly remote: string;
  /** Name of the caller, such as its ServiceAccount; `undefined` where the call did not prove one. */
  readonly caller: string | undefined;
  /** UID of its pod, where that is known. */
  readonly pod: string | undefined;
  /** Set if the call only tries the chain, as `helm test` does. */
  readonly test?: true;
  /** The pod that says it forwarded the call. Its address is then in `remote`. */
  readonly forwardedBy?: string | undefined;
}

/** A call that got an answer about one token. */
export interface ReissueEvent {
  readonly kind: 'reissue';
  readonly identity: TokenIdentity;
  /** The name of its authorization server in the configuration. */
  readonly server: string;
  readonly call: CallFacts;
  readonly result: ReissueResult;
  /** Whether the answer carried the token. */
  readonly given: boolean;
  readonly rejected: Sha256;
  /** Whether the rejected token was the current one. */
  readonly current: boolean;
  readonly took: Ms;
}

/** Who reported a rejected token: a line of a client app's log, or a gateway. */
export type EvidenceSource =
  | { readonly by: 'log'; readonly pod: string; readonly container: string }
  | { readonly by: 'gateway'; readonly call: CallFacts };

/** A report that counted for the current token, and what came of it. */
export interface EvidenceEvent {
  readonly kind: 'evidence';
  readonly identity: TokenIdentity;
  /** The name of its authorization server in the configuration. */
  readonly server: string;
  readonly source: EvidenceSource;
  readonly result: ReissueResult;
  readonly rejected: Sha256;
  readonly took: Ms;
}

/** Events for auditors: each token that leaves the endpoint, and each call that is rejected. */
export type AuditEvent =
  | ReissueEvent
  | EvidenceEvent
  | { kind: 'token-read'; identity: TokenIdentity; call: CallFacts; result: 'given' | 'unavailable' }
  | CallForwarded
  | CallRefused;

/** Another replica was asked to answer the call. */
export interface CallForwarded {
  readonly kind: 'call-forwarded';
  readonly identity: TokenIdentity;
  readonly call: CallFacts;
  readonly to: ForwardedTo;
  /** `unanswered`: the call was answered here instead, or with 503. */
  readonly result: 'answered' | 'unanswered';
  /** Of the answer. */
  readonly status: number | undefined;
}

/** `identity`: the token that an authenticated caller asked for, where it is configured. */
export interface CallRefused {
  readonly kind: 'call-refused';
  readonly status: RefusalStatus;
  readonly path: string;
  readonly call: CallFacts;
  readonly identity?: TokenIdentity | undefined;
}

export type RefusalStatus = 400 | 401 | 403 | 413 | 415 | 503;

/** An event of the reissue endpoint or of the process. */
export type ProcessEvent =
  | AuditEvent
  | { kind: 'configuration-loaded'; tokens: number; file: string }
  | { kind: 'configuration-refused'; message: string }
  | { kind: 'listening'; endpoint: string; url: string }
  | ProcessConditionEvent
  | { kind: 'credential-checked'; credential: string; token: string; result: string; message: string }
  | { kind: 'warning'; message: string }
  | { kind: 'authority-made'; message: string }
  | { kind: 'stopping'; message: string }
  | { kind: 'stopped' };

/** A condition of the whole process became unhealthy, still is after an hour, or is healthy again. */
export interface ProcessConditionEvent {
  readonly kind: 'process-unhealthy' | 'process-recovered';
  readonly condition: ProcessConditionType;
  readonly reason: ConditionReason<ProcessConditionType>;
  readonly message: string;
  /** The Secret that the condition is about. */
  readonly secret: SecretReference | undefined;
}

export interface TokenFacts {
  readonly generation: number;
  readonly sha256: Sha256;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly renewAt: EpochMs;
}

/** Returns the facts of a token that are no secret. */
export function factsOf({ generation, sha256, issuedAt, expiresAt, renewAt }: Token): TokenFacts {
  return { generation, sha256, issuedAt, expiresAt, renewAt };
}
