import type { FailedCall } from '../parts/caller-messages.ts';
import type { ClusterTown } from './cluster-town.ts';
import type { CuredCall, PodReport } from './pod-messages.ts';

/** More than the pauses between two looks, which a busy machine prolongs. */
const LEAST = 30;

/** What the client in the cluster prints, added up. */
export class PodLog {
  readonly #town: Pick<ClusterTown, 'clientLog'>;
  readonly #began: number;
  #last = 0;
  #read: number;
  #answered: number | undefined;
  calls = 0;
  unanswered = 0;
  longestSilence = 0;
  readonly failed: FailedCall[] = [];
  readonly cured: CuredCall[] = [];
  readonly rates: { at: number; calls: number; failed: number }[] = [];

  constructor(town: Pick<ClusterTown, 'clientLog'>, began: number) {
    this.#town = town;
    this.#began = began;
    this.#read = began;
  }

  async read(): Promise<void> {
    const now = Date.now();
    const text = await this.#town.clientLog(Math.ceil((now - this.#read) / 1000) + LEAST);
    this.#read = now;
    for (const report of reportsIn(text)) {
      if (report.number <= this.#last || report.at < this.#began) continue;
      this.#last = report.number;
      this.#take(report);
    }
  }

  #take({ calls, cured, failed, answered, unanswered, at }: PodReport): void {
    this.calls += calls;
    this.unanswered += unanswered;
    this.failed.push(...failed);
    this.cured.push(...cured);
    for (const time of answered) {
      this.longestSilence = Math.max(this.longestSilence, time - (this.#answered ?? time));
      this.#answered = time;
    }
    this.rates.push({ at: (at - this.#began) / 1000, calls: this.calls, failed: this.failed.length });
  }
}

/** Lines of Node itself, such as warnings, are left out. */
function reportsIn(text: string): PodReport[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{"event":"calls"'))
    .map((line) => JSON.parse(line) as PodReport);
}
