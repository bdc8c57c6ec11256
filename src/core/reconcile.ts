import { isPast, until } from './instant.ts';
import { firstViolation, type Observation, type Verdict } from './policies.ts';
import type { Ms } from './token.ts';

/** Everything is looked at again after this long, whatever the timers and watches say. */
export const LOOK_AGAIN: Ms = 30_000;

export type Decision =
  | ({ readonly kind: 'request-token' } & Verdict)
  | { readonly kind: 'requeue'; readonly after: Ms; readonly because: 'NothingDue' | 'BackingOff' | 'BeingStored' }
  | {
      readonly kind: 'suspend';
      readonly after: Ms;
      readonly because: 'ClientAppNotRunning';
      /** Whether the stored keys are to go, so that a pod that comes back waits for a fresh token. */
      readonly withdraw: boolean;
    };

/** What to do about one token, and when to look again. Knows nothing of how it is done. */
export function reconcile(observation: Observation): Decision {
  const { now, token, execution, called, storing, notBefore } = observation;
  if (execution === 'stopped' && !called) {
    const expiresIn = token === undefined ? LOOK_AGAIN : until(token.expiry, now);
    const withdraw = token !== undefined && isPast(token.expiry, now);
    const after = withdraw ? LOOK_AGAIN : Math.min(LOOK_AGAIN, expiresIn);
    return { kind: 'suspend', after, because: 'ClientAppNotRunning', withdraw };
  }
  const verdict = firstViolation(observation);
  if (verdict === undefined) {
    const dueIn = token === undefined ? LOOK_AGAIN : until(token.renewal, now);
    return { kind: 'requeue', after: Math.min(LOOK_AGAIN, dueIn), because: 'NothingDue' };
  }
  // Where the store is slower than renewals are due, more tokens would only make it slower.
  if (verdict.reason === 'RenewalDue' && storing) {
    const after = token === undefined ? LOOK_AGAIN : until(token.expiry, now);
    return { kind: 'requeue', after: Math.min(LOOK_AGAIN, after), because: 'BeingStored' };
  }
  const pause = notBefore - now.monotonic;
  if (pause > 0) return { kind: 'requeue', after: Math.min(LOOK_AGAIN, pause), because: 'BackingOff' };
  return { kind: 'request-token', ...verdict };
}
