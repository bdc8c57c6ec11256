import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';

/** Called before a request; what it returns is called with the `Date` of the answer (RFC 9110 section 6.6.1). */
export type ClockComparison = () => (date: string | undefined) => void;

/** What the API server itself tolerates in a token's times; and `Date` is in whole seconds. */
const TOLERATED: Ms = 60_000;
const MINUTE: Ms = 60_000;

/**
 * Tells when the wall clock here and the API server's are further apart than tokens bear, once until they agree again.
 * However long an answer takes, a clock that is right is never told of.
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
        `The clock here is ${by} that of the API server: callers' tokens are taken for expired or not yet valid, and clients are told wrong times of expiry. Set the clocks of the nodes by NTP.`,
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
