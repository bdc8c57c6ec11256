import { type EventReason, TOKEN_EVENT_REASONS, type TokenEventReason } from '../../../core/event-reasons.ts';
import type { ProcessEvent, ReissueResult, TokenEvent } from '../../../core/events.ts';
import { type EpochMs, identityText, type TokenIdentity } from '../../../core/token.ts';

/** What is worth an event of Kubernetes. */
export interface Notice {
  readonly type: 'Normal' | 'Warning';
  readonly reason: EventReason;
  /** A sentence without any secret. */
  readonly message: string;
  /** How many times it happened; left out: once. */
  readonly count?: number;
}

/** Problems of a token that events reported, and that are not over yet. */
interface Told {
  expiresAt: EpochMs | undefined;
  expired: boolean;
  /** Latest problem of each kind. */
  readonly faults: Map<Topic, string>;
}

type Topic = 'request' | 'store' | 'unreadable' | 'cycle' | 'reissue' | 'revocation';

/** Always reported: these only come at transitions. */
const DIRECT: Readonly<Partial<Record<TokenEvent['kind'], TokenEventReason>>> = {
  'token-repaired': 'TokenRepaired',
  'token-withdrawn': 'TokenWithdrawn',
  suspended: 'Suspended',
  resumed: 'Resumed',
  'execution-state-unknown': 'ExecutionStateUnknown',
  'credential-unusable': 'CredentialUnusable',
  'credential-expiry-unreadable': 'CredentialExpiryUnreadable',
  'next-secret-in-use': 'NextSecretInUse',
  'ca-unusable': 'CaUnusable',
  'server-unreachable': 'ServerUnreachable',
  'pods-left-behind': 'PodsLeftBehind',
  'pods-not-selected': 'PodsNotSelected',
  'volume-follows-late': 'VolumeFollowsLate',
  'lifetime-not-stated': 'LifetimeNotStated',
  'interval-invalid': 'IntervalInvalid',
  'interval-short': 'IntervalShort',
  'clock-disagrees': 'ClockDisagrees',
  'evidence-not-followed': 'EvidenceNotFollowed',
  'caller-unknown': 'CallerNotInClients',
};

/** Reported when they begin, or when their message changes. */
const LASTING: Readonly<Partial<Record<TokenEvent['kind'], readonly [topic: Topic, reason: TokenEventReason]>>> = {
  'store-failed': ['store', 'StoreFailed'],
  'stored-token-unreadable': ['unreadable', 'StoredTokenUnreadable'],
  'cycle-failed': ['cycle', 'CycleFailed'],
  'revocation-failed': ['revocation', 'RevocationFailed'],
};

const REISSUE_FAULTS: Readonly<Partial<Record<ReissueResult, Pick<Fault, 'reason' | 'message'>>>> = {
  paused: {
    reason: 'ReissuePaused',
    message: 'The gateway rejects new tokens, too, so reissues pause. Look for the cause in the log of the gateway.',
  },
  store_unavailable: {
    reason: 'ReissueNotStored',
    message: 'A reissued token could not be stored, so the client got an error instead of it.',
  },
};

/** Picks what changed out of all that happens, for events are read by people and kept by the API server. */
export class EventSelection {
  readonly #tokens = new Map<string, Told>();

  token(identity: TokenIdentity, event: TokenEvent, now: EpochMs): readonly Notice[] {
    const told = this.#told(identity);
    const direct = DIRECT[event.kind];
    if (direct !== undefined && 'message' in event) {
      const count = event.kind === 'caller-unknown' ? event.calls : 1;
      return [{ ...notice(direct, event.message), count }];
    }
    const lasting = LASTING[event.kind];
    if (lasting !== undefined && 'message' in event) {
      return begun(told, { topic: lasting[0], value: event.message, reason: lasting[1], message: event.message });
    }
    if (event.kind === 'token-request-failed') return requestFailed(told, event, now);
    if (event.kind === 'token-issued') return issued(told, event.token.expiresAt);
    if (event.kind === 'token-stored') return stored(told);
    if (event.kind === 'token-revoked') return revoked(told);
    if (event.kind === 'token-adopted') told.expiresAt = event.token.expiresAt;
    return [];
  }

  /** Of the process only what concerns one token: there is a Secret that it regards. */
  reissue(event: Extract<ProcessEvent, { kind: 'reissue' | 'evidence' }>): readonly Notice[] {
    const { identity, result } = event;
    if ('call' in event && event.call.test === true) return [];
    const told = this.#told(identity);
    const fault = REISSUE_FAULTS[result];
    if (fault !== undefined) return begun(told, { topic: 'reissue', value: result, ...fault });
    if (result === 'reissued' && told.faults.delete('reissue')) return [notice('Reissued', 'Reissues succeed again.')];
    return [];
  }

  forget(identity: TokenIdentity): void {
    this.#tokens.delete(identityText(identity));
  }

  #told(identity: TokenIdentity): Told {
    const key = identityText(identity);
    const told = this.#tokens.get(key) ?? { expiresAt: undefined, expired: false, faults: new Map() };
    this.#tokens.set(key, told);
    return told;
  }
}

/** The type of an event follows from its reason. */
function notice(reason: TokenEventReason, message: string): Notice {
  return { type: TOKEN_EVENT_REASONS[reason].type, reason, message };
}

interface Fault {
  readonly topic: Topic;
  /** Distinguishes problems of the same kind. */
  readonly value: string;
  readonly reason: TokenEventReason;
  readonly message: string;
}

function begun(told: Told, { topic, value, reason, message }: Fault): readonly Notice[] {
  if (told.faults.get(topic) === value) return [];
  told.faults.set(topic, value);
  return [notice(reason, message)];
}

function requestFailed(
  told: Told,
  { code, message, trigger }: Extract<TokenEvent, { kind: 'token-request-failed' }>,
  now: EpochMs,
): readonly Notice[] {
  const failed = trigger === 'reissue' ? 'ReissueFailed' : 'RenewalFailed';
  const reason = code === 'same_token' ? 'SameToken' : failed;
  const notices = begun(told, { topic: 'request', value: code, reason, message });
  if (told.expired || told.expiresAt === undefined || now < told.expiresAt) return notices;
  told.expired = true;
  const since = new Date(told.expiresAt).toISOString();
  const expired = `The token expired at ${since} and no new one has been obtained.`;
  return [...notices, notice('TokenExpired', expired)];
}

function issued(told: Told, expiresAt: EpochMs): readonly Notice[] {
  const isFirst = told.expiresAt === undefined;
  const wasExpired = told.expired;
  const failed = told.faults.delete('request');
  told.faults.delete('cycle');
  told.expiresAt = expiresAt;
  told.expired = false;
  if (isFirst) return [notice('TokenReady', 'The first token was obtained.')];
  if (wasExpired) return [notice('TokenReady', 'A valid token is held again.')];
  return failed ? [notice('TokenRenewed', 'Token requests succeed again.')] : [];
}

function revoked(told: Told): readonly Notice[] {
  const failed = told.faults.delete('revocation');
  return failed ? [notice('ReplacedTokenRevoked', 'Replaced tokens are revoked again.')] : [];
}

function stored(told: Told): readonly Notice[] {
  told.faults.delete('unreadable');
  const failed = told.faults.delete('store');
  return failed ? [notice('TokenStored', 'The token is stored again.')] : [];
}
