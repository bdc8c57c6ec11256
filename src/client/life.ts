import type { Instant } from '../core/instant.ts';
import { isLive, type Sha256 } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { ClientToken } from './token-source.ts';

/** A token, and when it expires by both of this machine's clocks, where the token-acquirer stated what is left of its life. */
export interface Holding {
  readonly token: ClientToken;
  readonly expiry: Instant | undefined;
}

/** The token, if it may be sent now. Called for each request, so it allocates nothing. */
export function liveToken(
  holding: Holding | undefined,
  clock: Pick<Clock, 'now' | 'monotonic'>,
): ClientToken | undefined {
  if (holding === undefined) return undefined;
  const { token, expiry } = holding;
  const live =
    expiry === undefined
      ? isLive(token, clock.now())
      : clock.now() < expiry.wall && clock.monotonic() < expiry.monotonic;
  return live ? token : undefined;
}

/** Whether the holding is of this token. */
export function isOf(holding: Holding | undefined, hash: Sha256): boolean {
  return holding?.token.sha256 === hash;
}
