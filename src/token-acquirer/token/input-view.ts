import { type InputCondition, type InputObservation, inputNews } from '../../core/request-inputs.ts';
import type { RequestInputs } from './request-inputs.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

/** One for all tokens: most have nothing to report. */
const NOTHING: ReadonlyMap<InputCondition, string> = new Map();

/** What one token knows of its credential and its CA file, and reports about them. */
export class InputView {
  readonly #inputs: RequestInputs;
  readonly #status: TokenStatus;
  #reported = NOTHING;

  constructor(inputs: RequestInputs, status: TokenStatus) {
    this.#inputs = inputs;
    this.#status = status;
  }

  /** Looks, and reports what changed. Returns whether the cause of the last error was corrected. */
  async look(specification: TokenSpecification, next: InputObservation['next']): Promise<boolean> {
    const findings = await this.#inputs.look(specification, next);
    const status = this.#status;
    if (next !== 'suspend') status.unset('ServerReachable');
    const { conditions, lastError } = status;
    const news = inputNews({ findings, conditions, told: this.#reported, next, lastError });
    const told = new Map(this.#reported);
    for (const { input, fault, isNew } of news) {
      const { condition, healthy, unhealthy, event } = input;
      status.set(condition, fault === undefined, fault === undefined ? healthy : unhealthy, fault ?? '');
      if (fault === undefined) told.delete(condition);
      else if (isNew) {
        told.set(condition, fault);
        status.emit({ kind: event, message: fault });
      }
    }
    this.#reported = told.size === 0 ? NOTHING : told;
    return news.some(({ endsError }) => endsError);
  }
}
