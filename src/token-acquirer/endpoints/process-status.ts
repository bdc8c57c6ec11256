import { type ProcessCondition, type ProcessConditionType } from '../../core/conditions.ts';
import type { ConditionReason } from '../../core/reasons.ts';
import type { EpochMs, Ms, SecretReference } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { ConditionKeeper } from '../token/condition-keeper.ts';

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

interface Finding<Type extends ProcessConditionType> {
  readonly status: boolean;
  readonly reason: ConditionReason<Type>;
  readonly message: string;
}

/** The API server keeps an event for an hour. */
const REPORT_EVERY: Ms = 3_600_000;

const STARTING = 'The token-acquirer is starting.';

/** The state of the whole process: whether it is ready, its conditions, and its configuration. */
export class ProcessStatus extends ConditionKeeper<ProcessConditionType> {
  readonly #telemetry: Pick<Telemetry, 'process'> | undefined;
  readonly #reportedAt = new Map<ProcessConditionType, EpochMs>();
  /** Why it is not ready; `undefined` where it is. */
  notReady: string | undefined = STARTING;
  /** `undefined` before the first load. */
  configuration: InForce | undefined;

  constructor(clock: Pick<Clock, 'now'>, telemetry?: Pick<Telemetry, 'process'>) {
    super(clock, {});
    this.#telemetry = telemetry;
  }

  get conditions(): readonly ProcessCondition[] {
    return Object.values(this.current);
  }

  isUnhealthy(type: ProcessConditionType): boolean {
    return this.current[type]?.status === false;
  }

  /** Sets a condition, and reports where it becomes unhealthy, each hour while it is, and where it is healthy again. */
  report<Type extends ProcessConditionType>(
    type: Type,
    { status, reason, message }: Finding<Type>,
    secret?: SecretReference,
  ): void {
    const before = this.current[type];
    const changed = this.set(type, status, reason, message) || before?.message !== message;
    const event = { condition: type, reason, message, secret };
    if (status) {
      this.#reportedAt.delete(type);
      if (before?.status === false) this.#telemetry?.process({ kind: 'process-recovered', ...event });
      return;
    }
    const now = this.clock.now();
    if (!changed && now - (this.#reportedAt.get(type) ?? 0) < REPORT_EVERY) return;
    this.#reportedAt.set(type, now);
    this.#telemetry?.process({ kind: 'process-unhealthy', ...event });
  }
}
