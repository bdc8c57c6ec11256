import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';

/** Called before a request; what it returns is called with the `Date` of the answer (RFC 9110 section 6.6.1). */
export type ClockComparison = () => (date: string | undefined) => void;

/** What the API server itself tolerates in a token's times; and `Date` is in whole seconds. */
const TOLERATED: Ms = 60_000;
const MINUTE: Ms = 60_000;

/**
 * Reports when the local clock and the API server's clock differ by more than tokens allow, once until they agree again.
 * It never reports a clock that is right, however long an answer takes.
 */
export function createClockComparison(options: {
  readonly clock: Pick<Clock, 'now'>;
  readonly onFault: (message: string) => void;
}): ClockComparison {
  const { clock, onFault } = options;
  let isTold = false;

  function compare(ahead: Ms): void {
    if (ahead === 0) {
      isTold = false;
    } else if (!isTold) {
      isTold = true;
      const by = `${Math.round(Math.abs(ahead) / MINUTE)} min ${ahead > 0 ? 'ahead of' : 'behind'}`;
      onFault(
        `The clock here is ${by} that of the API server: tokens of callers look expired or not yet valid, and clients get wrong expiry times. Set the clocks of the nodes by NTP.`,
      );
    }
  }

  return () => {
    const sentAt = clock.now();
    return (date) => {
      const there = Date.parse(date ?? '');
      if (Number.isNaN(there)) return;
      const [ahead, behind] = [sentAt - there, there - clock.now()];
      if (ahead > TOLERATED) compare(ahead);
      else compare(behind > TOLERATED ? -behind : 0);
    };
  };
}
