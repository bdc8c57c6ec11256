import { clockSkew, isHarmful } from '../../core/clock-skew.ts';
import { formatDuration } from '../../core/duration.ts';
import type { Instant } from '../../core/instant.ts';
import type { Ms } from '../../core/token.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { TokenStatus } from './token-status.ts';

/** A token answer, and when it was asked for and came. */
export interface TimedAnswer {
  readonly server: string;
  readonly response: TokenResponse;
  readonly sentAt: Instant;
  readonly answeredAt: Instant;
  readonly lifetime: Ms;
}

/** Compares the clock here with those of the authorization servers. One for all tokens, so that an event comes once. */
export class ServerClocks {
  readonly #reported = new Set<string>();

  /** Sets the condition of the token. Returns how far the clock here is ahead where that does harm, else 0. */
  compare({ server, response, sentAt, answeredAt, lifetime }: TimedAnswer, status: TokenStatus): Ms {
    const { serverDate } = response;
    if (serverDate === undefined) return 0;
    const skew = clockSkew({ sentAt: sentAt.wall, answeredAt: answeredAt.wall, serverDate });
    if (skew === 0) this.#reported.delete(server);
    if (!isHarmful(skew, lifetime)) {
      status.set('ClockAgrees', true, 'ClocksAgree', '');
      return 0;
    }
    const by = `${formatDuration(Math.abs(skew))} ${skew > 0 ? 'ahead of' : 'behind'}`;
    const message = `The clock of the token-acquirer is ${by} that of the authorization server ${server}. Clients may use a token after its end, or reject it before. Set both clocks by NTP.`;
    status.set('ClockAgrees', false, skew > 0 ? 'ClockAhead' : 'ClockBehind', message);
    if (!this.#reported.has(server)) status.emit({ kind: 'clock-disagrees', message });
    this.#reported.add(server);
    return skew;
  }
}
