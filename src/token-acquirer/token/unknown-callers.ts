import { isNeighbor, serviceAccountOf, unknownCallerSentence } from '../../core/callers.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

/** How long a call counts. An alert on the condition waits for longer, so that a single call does not fire it. */
const COUNTS: Ms = 3 * 60_000;
/** Between two events about one caller. A little more than the event log takes to write the same event again. */
const REPORTED: Ms = 61_000;
/** Callers that are remembered for each token. */
const MOST = 3;

interface UnknownCaller {
  readonly sentence: string;
  lastCall: Ms;
  reportedAt: Ms;
  /** Calls that no event has counted yet. */
  calls: number;
}

/** What one token knows of authenticated callers that ask for it but are not among its clients. */
export class UnknownCallers {
  readonly #clock: Clock;
  readonly #status: TokenStatus;
  readonly #callers = new Map<string, UnknownCaller>();

  constructor({ clock, status }: { readonly clock: Clock; readonly status: TokenStatus }) {
    this.#clock = clock;
    this.#status = status;
  }

  /** The endpoint rejected a call of this caller. Callers of other namespaces are only counted in the metrics. */
  called(caller: string, specification: TokenSpecification): void {
    const account = serviceAccountOf(caller);
    if (account === undefined || !isNeighbor(account, specification)) return;
    const now = this.#clock.monotonic();
    const known = this.#callers.get(caller);
    if (known === undefined) {
      this.observe(specification);
      if (this.#callers.size >= MOST || specification.clients.includes(caller)) return;
    }
    const entry = known ?? { sentence: unknownCallerSentence(account), lastCall: now, reportedAt: -Infinity, calls: 0 };
    entry.lastCall = now;
    entry.calls += 1;
    this.#callers.set(caller, entry);
    if (known === undefined) this.#report();
    if (now - entry.reportedAt < REPORTED) return;
    this.#status.emit({ kind: 'caller-unknown', message: entry.sentence, calls: entry.calls });
    entry.reportedAt = now;
    entry.calls = 0;
  }

  /** Forgets callers that have stopped, or that the configuration allows now. */
  observe(specification: TokenSpecification): void {
    if (this.#callers.size === 0) return;
    this.#forget(specification);
    this.#report();
  }

  #forget({ clients }: TokenSpecification): void {
    const now = this.#clock.monotonic();
    for (const [caller, { lastCall }] of this.#callers) {
      if (now - lastCall >= COUNTS || clients.includes(caller)) this.#callers.delete(caller);
    }
  }

  #report(): void {
    const message = [...this.#callers.values()].map(({ sentence }) => sentence).join(' ');
    const isHealthy = message === '';
    this.#status.set('CallersKnown', isHealthy, isHealthy ? 'NoUnknownCaller' : 'CallerNotInClients', message);
  }
}
