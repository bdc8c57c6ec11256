import { type Conditions, withCondition } from '../../core/conditions.ts';
import type { ConditionReason, PROCESS_CONDITIONS, TOKEN_CONDITIONS } from '../../core/reasons.ts';
import type { Clock } from '../../ports/clock.ts';

/** Keeps the conditions of one token, or of the process. */
export class ConditionKeeper<Kept extends keyof typeof TOKEN_CONDITIONS | keyof typeof PROCESS_CONDITIONS> {
  protected readonly clock: Pick<Clock, 'now'>;
  protected current: Conditions<Kept>;

  constructor(clock: Pick<Clock, 'now'>, none: Conditions<Kept>) {
    this.clock = clock;
    this.current = none;
  }

  /** Returns whether the condition changed its status or reason: events are for transitions only. */
  set<Type extends Kept>(type: Type, status: boolean, reason: ConditionReason<Type>, message: string): boolean {
    const before = this.current[type];
    this.current = withCondition(this.current, { type, status, reason, message }, this.clock.now());
    return before?.status !== status || before.reason !== reason;
  }
}
