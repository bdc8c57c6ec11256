import {
  type Condition,
  type Conditions,
  type ConditionType,
  withCondition,
  withoutCondition,
} from '../../core/conditions.ts';
import type { TokenEvent } from '../../core/events.ts';
import type { ConditionReason } from '../../core/reasons.ts';
import type { EpochMs, TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

export interface LastError {
  readonly code: string;
  readonly message: string;
  readonly at: EpochMs;
}

/** What is reported about one token: its conditions, its last error, and events as they happen. */
export class TokenStatus {
  readonly #identity: TokenIdentity;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  #conditions: Conditions = {};
  #lastError: LastError | undefined;

  constructor(identity: TokenIdentity, { clock, telemetry }: { clock: Clock; telemetry: Telemetry }) {
    this.#identity = identity;
    this.#clock = clock;
    this.#telemetry = telemetry;
  }

  get conditions(): Conditions {
    return this.#conditions;
  }

  get lastError(): LastError | undefined {
    return this.#lastError;
  }

  /** Whether the condition changed its status or reason: events are for transitions only. */
  set<Type extends ConditionType>(
    type: Type,
    status: boolean,
    reason: ConditionReason<Type>,
    message: string,
  ): boolean {
    const before = this.#conditions[type];
    this.#conditions = withCondition(this.#conditions, { type, status, reason, message }, this.#clock.now());
    return before?.status !== status || before.reason !== reason;
  }

  /** Takes a condition back: nothing is known of it any more, or the configuration has come to exclude it. */
  unset(type: ConditionType): void {
    this.#conditions = withoutCondition(this.#conditions, type);
  }

  failed(code: string, message: string): void {
    this.#lastError = { code, message, at: this.#clock.now() };
  }

  recovered(): void {
    this.#lastError = undefined;
  }

  get(type: ConditionType): Condition | undefined {
    return this.#conditions[type];
  }

  emit(event: TokenEvent): void {
    this.#telemetry.token(this.#identity, event);
  }
}
