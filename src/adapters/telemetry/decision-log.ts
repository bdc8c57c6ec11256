import type { Logger } from 'pino';
import { identityText } from '../../core/token.ts';
import type { DecisionLog } from '../../ports/telemetry.ts';

/** Decisions to wait: only a change is worth a line. */
const WAITING: ReadonlySet<string> = new Set(['requeue', 'wait', 'suspend', 'nothing']);
/** The regular look at what is stored, which each token has every 30 s. What it finds is logged. */
const REGULAR = 'CopyNotSeenLately';

/**
 * Writes decisions at the level debug, one line each: those that lead to an act, and those that differ from the last one
 * about the same thing. `undefined` at any other level, so that nothing is remembered there.
 */
export function createDecisionLog(logger: Pick<Logger, 'isLevelEnabled' | 'debug'>): DecisionLog | undefined {
  if (!logger.isLevelEnabled('debug')) return undefined;
  const last = new Map<string, string>();
  return (identity, about, { kind, reason, after, because }) => {
    if (reason === REGULAR) return;
    const token = identityText(identity);
    const topic = `${token} ${about}`;
    if (WAITING.has(kind) && last.get(topic) === reason) return;
    last.set(topic, reason);
    logger.debug({ token, about, kind, reason, after_ms: Math.round(after), because }, 'decision');
  };
}
