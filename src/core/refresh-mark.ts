import type { EpochMs, Ms } from './token.ts';

/** For so long after a mark another process may still have the refresh token in a request. */
export const IN_FLIGHT: Ms = 15_000;

/** Of the time that a server allows, so that a slow request arrives within it. */
const SHARE_OF_REUSE = 0.9;

/** A saved refresh token, and what this process knows of it. */
export interface MarkedToken {
  /** Whether it is marked as in use. */
  readonly inUse: boolean;
  /** When it was marked; `undefined` where an older version left the mark. */
  readonly inUseSince?: EpochMs | undefined;
  /** Whether a used one is spent. */
  readonly rotates: boolean;
  /** Whether this process sent it and got no usable answer. */
  readonly isLost: boolean;
  /** For how long the server takes a used one again: 0 for never, Infinity for any time. */
  readonly reuse: Ms;
  readonly now: EpochMs;
}

export type MarkDecision =
  | { readonly kind: 'send' }
  /** Another process may have it in use: look again after `retryAfter`. */
  | { readonly kind: 'busy'; readonly retryAfter: Ms }
  /** It may be spent, and sending it again could end the whole chain. */
  | { readonly kind: 'spent' };

/** Whether a refresh token may be sent. A mark of unknown age, or from the future, is believed to be old. */
export function decideMark({ inUse, inUseSince, rotates, isLost, reuse, now }: MarkedToken): MarkDecision {
  if (!inUse || !rotates || reuse === Infinity) return { kind: 'send' };
  const age = inUseSince === undefined || inUseSince > now + IN_FLIGHT ? Infinity : Math.max(0, now - inUseSince);
  if (age < SHARE_OF_REUSE * reuse) return { kind: 'send' };
  // Its own request has ended, so there is nothing to wait for.
  if (isLost || age >= IN_FLIGHT) return { kind: 'spent' };
  return { kind: 'busy', retryAfter: IN_FLIGHT - age };
}
