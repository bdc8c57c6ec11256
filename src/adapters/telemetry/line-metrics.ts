import { Counter, type Registry } from '@prometheus-io/client';
import type { TokenConditions } from '../../core/conditions.ts';
import { TOKEN_LABELS } from './condition-metrics.ts';

/** What was read of the logs of client apps as metrics, set when they are scraped: there may be thousands of lines a second. */
export interface LineMetrics {
  set(tokens: Iterable<TokenConditions>): void;
}

export function createLineMetrics(registers: Registry[]): LineMetrics {
  const lines = new Counter({
    name: 'token_acquirer_evidence_lines_total',
    help: 'Lines of the log of a client app that is followed, by result: `read` counts all, `matched` those that report a rejected token, `dropped` those that were passed over.',
    labelNames: [...TOKEN_LABELS, 'result'],
    registers,
  });
  return {
    set(tokens) {
      lines.reset();
      for (const { identity, evidence } of tokens) {
        if (evidence === undefined) continue;
        const { namespace, secret, name } = identity;
        lines.inc({ namespace, secret, name, result: 'read' }, evidence.lines);
        lines.inc({ namespace, secret, name, result: 'matched' }, evidence.matches);
        lines.inc({ namespace, secret, name, result: 'dropped' }, evidence.dropped);
      }
    },
  };
}
