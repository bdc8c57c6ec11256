import type { EpochMs, Ms } from './token.ts';

/** `Date` (RFC 9110 section 6.6.1) is in whole seconds. */
const RESOLUTION: Ms = 1000;
const TOLERATED: Ms = 30_000;
const LEAST_TOLERATED: Ms = 5000;
const SHARE_OF_LIFETIME = 0.1;

/** One exchange: when it was sent and answered by the clock here, and the time that the server wrote into its answer. */
export interface DatedExchange {
  readonly sentAt: EpochMs;
  readonly answeredAt: EpochMs;
  readonly serverDate: EpochMs;
}

/**
 * How far the clock here is ahead of the server's; negative where it is behind. 0 where both clocks can be right, however
 * long the answer took.
 */
export function clockSkew({ sentAt, answeredAt, serverDate }: DatedExchange): Ms {
  const ahead = sentAt - (serverDate + RESOLUTION);
  if (ahead > 0) return ahead;
  const behind = serverDate - answeredAt;
  return behind > 0 ? -behind : 0;
}

/** Whether clients that use a token of this lifetime are harmed by a clock that is so far off. */
export function isHarmful(skew: Ms, lifetime: Ms): boolean {
  const tolerated = Math.max(LEAST_TOLERATED, Math.min(TOLERATED, SHARE_OF_LIFETIME * lifetime));
  return Math.abs(skew) > tolerated;
}
