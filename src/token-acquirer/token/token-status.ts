import { type Condition, type Conditions, type ConditionType, withoutCondition } from '../../core/conditions.ts';
import type { TokenEvent } from '../../core/events.ts';
import type { ConditionReason } from '../../core/reasons.ts';
import type { EpochMs, TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { ConditionKeeper } from './condition-keeper.ts';

export interface LastError {
  readonly code: string;
  readonly message: string;
  readonly at: EpochMs;
}

/** What is reported about one token: its conditions, its last error, and events as they happen. */
export class TokenStatus extends ConditionKeeper<ConditionType> {
  readonly #identity: TokenIdentity;
  readonly #telemetry: Telemetry;
  #lastError: LastError | undefined;

  constructor(identity: TokenIdentity, { clock, telemetry }: { clock: Clock; telemetry: Telemetry }) {
    super(clock, {});
    this.#identity = identity;
    this.#telemetry = telemetry;
  }

  get conditions(): Conditions {
    return this.current;
  }

  get lastError(): LastError | undefined {
    return this.#lastError;
  }

  override set<Type extends ConditionType>(
    type: Type,
    status: boolean,
    reason: ConditionReason<Type>,
    message: string,
  ): boolean {
    const isChanged = super.set(type, status, reason, message);
    if (isChanged) this.#telemetry.changed?.(this.#identity);
    return isChanged;
  }

  /** Takes a condition back: nothing is known of it any more, or the configuration has come to exclude it. */
  unset(type: ConditionType): void {
    this.current = withoutCondition(this.current, type);
  }

  /** Another replica looks after the token. `only`: as in `Telemetry`. */
  forget(only?: 'state'): void {
    this.current = {};
    this.#lastError = undefined;
    this.#telemetry.forget(this.#identity, only);
  }

  failed(code: string, message: string): void {
    this.#lastError = { code, message, at: this.clock.now() };
  }

  recovered(): void {
    const isNews = this.#lastError !== undefined;
    this.#lastError = undefined;
    if (isNews) this.#telemetry.changed?.(this.#identity);
  }

  get(type: ConditionType): Condition | undefined {
    return this.current[type];
  }

  emit(event: TokenEvent): void {
    this.#telemetry.token(this.#identity, event);
  }
}
