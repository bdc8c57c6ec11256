import {
  type Conditions,
  type ProcessCondition,
  type ProcessConditionType,
  withCondition,
} from '../core/conditions.ts';
import type { EpochMs } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';

/** A file on disk that is not in force. */
export interface RejectedFile {
  /** Of the whole file; `undefined` where the file cannot be read. */
  readonly sha256: string | undefined;
  readonly since: EpochMs;
  /** The first error. */
  readonly error: string;
}

/** Which configuration a process uses, and whether a newer one waits. */
export interface InForce {
  /** Of the whole file: `sha256sum` of it prints the same. */
  readonly sha256: string;
  readonly loadedAt: EpochMs;
  readonly rejected: RejectedFile | undefined;
}

const STARTING = 'The token-acquirer is starting.';

/** What is to be told of the whole process: whether it is ready, its conditions, and its configuration. */
export class ProcessStatus {
  readonly #clock: Pick<Clock, 'now'>;
  #conditions: Conditions<ProcessConditionType> = {};
  /** Why it is not ready; `undefined` where it is. */
  notReady: string | undefined = STARTING;
  /** `undefined` before the first load. */
  configuration: InForce | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  get conditions(): readonly ProcessCondition[] {
    return Object.values(this.#conditions);
  }

  /** Whether the condition changed its status or reason. */
  set(type: ProcessConditionType, status: boolean, reason: string, message: string): boolean {
    const before = this.#conditions[type];
    this.#conditions = withCondition(this.#conditions, { type, status, reason, message }, this.#clock.now());
    return before?.status !== status || before.reason !== reason;
  }
}
