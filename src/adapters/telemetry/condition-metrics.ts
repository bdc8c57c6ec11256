import { Gauge, type Registry } from '@prometheus-io/client';
import { type Condition, type TokenConditions, unhealthyAmong } from '../../core/conditions.ts';

/** Of all metrics about a token. */
export const TOKEN_LABELS = ['namespace', 'secret', 'name'] as const;

/** The conditions of tokens as metrics, set when they are scraped. */
export interface ConditionMetrics {
  set(tokens: Iterable<TokenConditions>): void;
}

/** A healthy condition has no series, except `Ready`: thousands of tokens would have ten each. */
export function createConditionMetrics(registers: Registry[]): ConditionMetrics {
  const state = new Gauge({
    name: 'token_acquirer_condition',
    help: 'Always 1: `Ready` of each token, `Suspended` of a suspended token, and each unhealthy condition. `status` is true or false, and `reason` explains it. Other conditions have no series.',
    labelNames: [...TOKEN_LABELS, 'authorization_server', 'type', 'status', 'reason'],
    registers,
  });
  const unhealthy = new Gauge({
    name: 'token_acquirer_condition_unhealthy',
    help: 'Deprecated, use `token_acquirer_condition`. 1 for each unhealthy condition of a token. A healthy condition has no series.',
    labelNames: [...TOKEN_LABELS, 'type'],
    registers,
  });
  return {
    set(tokens) {
      state.reset();
      unhealthy.reset();
      for (const { identity, authorizationServer, conditions } of tokens) {
        const { namespace, secret, name } = identity;
        const all = Object.values(conditions);
        for (const { type } of unhealthyAmong(all)) unhealthy.set({ namespace, secret, name, type }, 1);
        for (const { type, status, reason } of exposedOf(all)) {
          const labels = { namespace, secret, name, authorization_server: authorizationServer };
          state.set({ ...labels, type, status: String(status), reason }, 1);
        }
      }
    },
  };
}

function exposedOf(conditions: readonly Condition[]): ReadonlySet<Condition> {
  const always = conditions.filter(({ type, status }) => type === 'Ready' || (type === 'Suspended' && status));
  return new Set([...always, ...unhealthyAmong(conditions)]);
}
