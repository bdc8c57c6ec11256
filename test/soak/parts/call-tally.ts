import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { CallerReport, FailedCall } from './caller-messages.ts';

const NANOSECONDS = 1e6;
const COLLECT_EVERY = 5000;
/** What one report can hold. */
const MOST_FAILURES = 5000;

/** Counts what a process did since its last report. */
export class CallTally {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  #calls = 0;
  #slowest = 0;
  #torn: { app: string; at: number }[] = [];
  #failed: FailedCall[] = [];

  constructor() {
    this.#delay.enable();
    setInterval(() => globalThis.gc?.(), COLLECT_EVERY);
  }

  called(took: number): void {
    this.#calls += 1;
    this.#slowest = Math.max(this.#slowest, took);
  }

  torn(app: string): void {
    if (this.#torn.length < MOST_FAILURES) this.#torn.push({ app, at: Date.now() });
  }

  failed(call: FailedCall): void {
    if (this.#failed.length < MOST_FAILURES) this.#failed.push(call);
  }

  report(inFlight: number): CallerReport {
    const delay = { p99: this.#delay.percentile(99) / NANOSECONDS, max: this.#delay.max / NANOSECONDS };
    this.#delay.reset();
    const report = {
      calls: this.#calls,
      failed: this.#failed,
      inFlight,
      slowest: this.#slowest,
      delay,
      torn: this.#torn,
    };
    this.#calls = this.#slowest = 0;
    this.#torn = [];
    this.#failed = [];
    return report;
  }
}
