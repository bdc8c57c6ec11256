import { messageOf, StoreError, UsageError } from '../../core/errors.ts';
import { intervalWarning, type RenewalRule } from '../../core/renewal.ts';
import type { HeldToken } from './held-token.ts';
import type { Intervals } from './intervals.ts';
import type { TokenStatus } from './token-status.ts';

export interface RenewalIntervalDependencies {
  readonly intervals: Intervals;
  readonly status: TokenStatus;
  readonly held: HeldToken;
}

/** Puts the interval of the credential folder in force, which wins over the configuration, and reports it. */
export async function followInterval({ intervals, status, held }: RenewalIntervalDependencies): Promise<void> {
  const { renewal, credential } = held.specification;
  try {
    const interval = await intervals.of(credential);
    const rule = interval === undefined ? renewal : { interval };
    held.follow(rule);
    report(rule, held, status);
  } catch (error) {
    // The volume cannot be read at the moment; the interval in force stays until it can.
    if (error instanceof StoreError) return;
    if (!(error instanceof UsageError)) throw error;
    const message = `${messageOf(error)} The interval in force stays.`;
    const changed = status.set('IntervalValid', false, 'IntervalInvalid', message);
    if (changed) status.emit({ kind: 'interval-invalid', message });
  }
}

function report(rule: RenewalRule, { token }: HeldToken, status: TokenStatus): void {
  if (!('interval' in rule) || token === undefined) return void status.set('IntervalValid', true, 'Valid', '');
  const message = intervalWarning(rule.interval, token.expiresAt - token.issuedAt);
  const reason = message === undefined ? 'Valid' : 'VeryShort';
  const changed = status.set('IntervalValid', true, reason, message ?? '');
  if (changed && message !== undefined) status.emit({ kind: 'interval-short', message });
}
