import type { ProcessEvent, TokenEvent } from '../../../core/events.ts';
import type { TokenIdentity } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Telemetry } from '../../../ports/telemetry.ts';
import { processLine, tokenLine } from './event-lines.ts';
import type { EventLine, PageEvent } from './page-message.ts';

/** How many are kept. */
const KEPT = 50;

/** Keeps the last events in memory, for the status page. */
export class LastEvents implements Telemetry {
  readonly #clock: Pick<Clock, 'now'>;
  #kept: PageEvent[] = [];
  #count = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** Returns those that are kept and come after this number, the oldest first. */
  after(number: number): readonly PageEvent[] {
    return this.#kept.filter((event) => event.number > number);
  }

  token(identity: TokenIdentity, event: TokenEvent): void {
    this.#keep(tokenLine(identity, event));
  }

  process(event: ProcessEvent): void {
    this.#keep(processLine(event));
  }

  forget(): void {
    // What happened to a token is still of interest when it is no longer configured.
  }

  #keep(line: EventLine | undefined): void {
    if (line === undefined) return;
    this.#count += 1;
    this.#kept = [...this.#kept.slice(1 - KEPT), { ...line, number: this.#count, at: this.#clock.now() }];
  }
}
