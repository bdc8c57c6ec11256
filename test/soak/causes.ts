import type { FailedCall } from './parts/caller-messages.ts';
import type { IssuedToken } from './parts/server-messages.ts';
import type { Grant } from './place.ts';
import type { Disturbance } from './schedule.ts';

/** A disturbance that took place. Times are those of the machine's clock. */
export interface Disturbed {
  readonly kind: Disturbance;
  /** The token-acquirer, the client process or the app that it hit; left out for what all have in common. */
  readonly target?: string;
  readonly began: number;
  /** `undefined` while it lasts. */
  ended?: number;
}

/** What is known of the app whose call failed. */
export interface CallContext {
  readonly by: 'library' | 'reader';
  readonly grant: Grant;
  /** Names of its token-acquirer and of its client process. */
  readonly acquirer: string;
  readonly client: string;
  /** From the authorization server, oldest first. */
  readonly tokens: readonly IssuedToken[];
  readonly disturbed: readonly Disturbed[];
  /** How late the event loop of the caller was, in milliseconds: on a busy machine it notices a file later. */
  readonly lag: number;
}

/**
 * `violation`: a valid token existed. `documented`: none did, for a reason that the documents name. `unknown`: no
 * disturbance explains it. `gateway`: the call did not reach it, or it failed, which is no matter of tokens.
 */
export interface Cause {
  readonly verdict: 'violation' | 'documented' | 'unknown' | 'gateway';
  readonly sentence: string;
}

/** A library looks at the volume each second. */
const NOTICE = 2000;
/** A reissue takes a second, and the caller gets its answer. */
const REISSUE = 3000;
const PROMPT = 3000;
/** After an outage tokens follow in groups within this time (docs/explain/failures.md). */
const RECOVERY = 30_000;
/** A refresh token that was in flight is left alone for 15 s, and its successors begin one at a time. */
const CHAIN = 25_000;
/** What others did to a volume is repaired, and a write that failed is tried again, within this time. */
const REPAIR = 32_000;
/** After a client has reported the pause, its gate is closed. */
const REPORTED = 12_000;

/** How long a disturbance has consequences after its end, by the documents; `undefined`: it has none. */
function consequences(kind: Disturbance, { by, grant }: CallContext): number | undefined {
  const reader = by === 'reader';
  switch (kind) {
    case 'killed':
    case 'restarted':
      return grant === 'refresh_token' ? CHAIN : PROMPT;
    case 'stopped':
    case 'client-stopped':
      return PROMPT;
    case 'server-down':
    case 'server-hangs':
    case 'server-slow':
    case 'server-503':
    case 'server-429':
    case 'server-loses':
      return RECOVERY;
    case 'secret-changed':
      return PROMPT;
    case 'keys-deleted':
    case 'volume-deleted':
    case 'files-damaged':
    case 'disk-full':
      return reader ? REPAIR : undefined;
    case 'revoked':
      return reader ? REISSUE : undefined;
    case 'configuration-broken':
    case 'interval-changed':
    case 'log-unread':
      return undefined;
  }
}

/** Says why a call failed, by what the documents promise. */
export function causeOf(call: FailedCall, context: CallContext): Cause {
  const { verdict, age } = call.stored;
  if (!isAboutToken(call)) return connectionCause(call, context);
  if (verdict === 200 && age > NOTICE + 2 * context.lag) {
    return { verdict: 'violation', sentence: `a valid token was stored, and the call ended with ${call.outcome}` };
  }
  const state = endOf(call, context.tokens);
  const pause = pauseOf(call, context);
  if (pause !== undefined) return { verdict: 'documented', sentence: `${state}, ${pause}` };
  const found = context.disturbed.findLast((one) => explains(one, call, context));
  if (found !== undefined) return { verdict: 'documented', sentence: `${state} while ${PHRASES[found.kind]}` };
  if (state === 'issued') {
    return { verdict: 'violation', sentence: `a valid token was issued, and the call ended with ${call.outcome}` };
  }
  return { verdict: 'unknown', sentence: `${state}, and nothing was disturbed: ${call.outcome}` };
}

/** The gateway ends the connections of a process that is stopped in the middle of a call. */
function connectionCause(call: FailedCall, context: CallContext): Cause {
  const stopped = context.disturbed.some((one) => one.kind === 'client-stopped' && explains(one, call, context));
  if (stopped) return { verdict: 'documented', sentence: 'its process was stopped, and its connection ended' };
  return { verdict: 'gateway', sentence: call.outcome };
}

/** A 401, or what the library throws where it has no token to send. */
export function isAboutToken({ outcome }: Pick<FailedCall, 'outcome'>): boolean {
  return outcome === '401' || outcome.startsWith('TokenNotYetAvailable') || outcome === 'file';
}

/** How the last token of the app ended before the call did. */
function endOf({ ended }: FailedCall, tokens: readonly IssuedToken[]): 'revoked' | 'expired' | 'issued' {
  const last = tokens.findLast(({ issuedAt }) => issuedAt < ended - REISSUE);
  if (last?.revokedAt !== undefined && last.revokedAt < ended) return 'revoked';
  return last !== undefined && last.expiresAt > ended ? 'issued' : 'expired';
}

/** A token that was revoked within 10 s of its reissue counts as rejected by its gateway, and reissues pause. */
function pauseOf({ problem, ended }: FailedCall, { tokens }: CallContext): string | undefined {
  if (problem === undefined || ended - problem.at > REPORTED || !problem.text.includes('answered 429'))
    return undefined;
  const soon = tokens.some(({ issuedAt, revokedAt }) => revokedAt !== undefined && revokedAt - issuedAt < 10_000);
  return soon ? 'and reissues paused after a rejected reissue' : undefined;
}

function explains(one: Disturbed, { began, ended, app }: FailedCall, context: CallContext): boolean {
  const after = consequences(one.kind, context);
  if (after === undefined) return false;
  if (one.target !== undefined && ![context.acquirer, context.client, app].includes(one.target)) return false;
  return one.began <= ended && (one.ended ?? Number.POSITIVE_INFINITY) + after >= began;
}

const PHRASES: Readonly<Record<Disturbance, string>> = {
  killed: 'the token-acquirer was killed',
  restarted: 'the token-acquirer restarted',
  stopped: 'the token-acquirer was stopped',
  'client-stopped': 'the client was stopped',
  'server-down': 'the authorization server was down',
  'server-hangs': 'the authorization server gave no answer',
  'server-slow': 'the authorization server was slow',
  'server-503': 'the authorization server answered 503',
  'server-429': 'the authorization server answered 429',
  'server-loses': 'answers of the authorization server got lost',
  revoked: 'a new one was being requested',
  'secret-changed': 'the credential was being changed',
  'keys-deleted': 'its keys were deleted',
  'volume-deleted': 'its volume was deleted',
  'files-damaged': 'its files were damaged',
  'configuration-broken': 'the configuration was broken',
  'interval-changed': 'the interval was changed',
  'disk-full': 'the disk was full',
  'log-unread': 'the log was not read',
};
