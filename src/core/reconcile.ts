import { isPast, until } from './instant.ts';
import { firstViolation, type Observation, type Verdict } from './policies.ts';
import type { Ms } from './token.ts';

/** Everything is looked at again after this long, whatever the timers and watches say. */
export const LOOK_AGAIN: Ms = 30_000;
/** After an act comes the next look, but never in a tight loop. */
export const SOON: Ms = 50;

/** What to do, and why. */
export interface Decided<Kind extends string, Reason extends string> {
  readonly kind: Kind;
  /** CamelCase: what is violated, or why nothing is to be done. */
  readonly reason: Reason;
  /** How long until the next look; 0 where something is to be done now. */
  readonly after: Ms;
  /** A sentence. */
  readonly because: string;
}

export type Decision =
  | Decided<'request-token', Verdict['reason']>
  | Decided<'requeue', 'NothingDue' | 'BackingOff' | 'BeingStored' | 'BeingRequested' | 'CutOff'>
  | Decided<'suspend', 'ClientAppNotRunning'>;

/** Whether the client app does not run, so that its token is not renewed. */
export function isAbsent({ execution, called }: Pick<Observation, 'execution' | 'called'>): boolean {
  return execution === 'stopped' && !called;
}

/** Decides whether to request a token, and when to look again. Knows nothing of how it is done. */
export function reconcile(observation: Observation): Decision {
  const { now, token, storing, requesting, isCutOff, notBefore } = observation;
  const verdict = firstViolation(observation);
  // The stored token of a stopped client app is as valid as any other, so it ends with its credential, too.
  if (isAbsent(observation) && verdict?.reason !== 'CredentialChanged') {
    const because = 'The client app is not running, and none of its pods asked for a token in the last minute.';
    const isLive = token !== undefined && !isPast(token.expiry, now);
    const after = isLive ? Math.min(LOOK_AGAIN, until(token.expiry, now)) : LOOK_AGAIN;
    return { kind: 'suspend', reason: 'ClientAppNotRunning', after, because };
  }
  if (verdict === undefined) {
    const dueIn = token === undefined ? LOOK_AGAIN : until(token.renewal, now);
    return requeue('NothingDue', dueIn, 'The token is neither due for renewal nor expired.');
  }
  if (requesting) return requeue('BeingRequested', LOOK_AGAIN, 'The token is being requested.');
  if (isCutOff) return requeue('CutOff', LOOK_AGAIN, 'Only the leader uses a refresh token that rotates.');
  // Where the store is slower than renewals are due, more tokens would only make it slower.
  if (verdict.reason === 'RenewalDue' && storing) {
    const after = token === undefined ? LOOK_AGAIN : until(token.expiry, now);
    return requeue('BeingStored', after, 'The last token is still being written, and is valid.');
  }
  const pause = notBefore - now.monotonic;
  if (pause > 0) return requeue('BackingOff', pause, 'The last token request failed, or the server is unavailable.');
  return { kind: 'request-token', reason: verdict.reason, after: 0, because: verdict.because };
}

function requeue(
  reason: Extract<Decision, { kind: 'requeue' }>['reason'],
  after: Ms,
  because: string,
): Extract<Decision, { kind: 'requeue' }> {
  return { kind: 'requeue', reason, after: Math.min(LOOK_AGAIN, after), because };
}
