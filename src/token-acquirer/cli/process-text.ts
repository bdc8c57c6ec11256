import { formatDuration } from '../../core/duration.ts';
import { printableLine } from '../../core/printable.ts';
import { hashPrefix } from '../../core/token.ts';
import type { StatusReport } from '../endpoints/status-report.ts';

/** Returns whether the process is ready, and each of its conditions is healthy. */
export function isProcessHealthy({ not_ready, conditions = [] }: StatusReport): boolean {
  return not_ready === undefined && conditions.every(({ status }) => status === 'True');
}

/** Paragraphs about the whole process: the configuration in force, why it is not ready, each unhealthy condition. */
export function processText({ not_ready, conditions = [], configuration, now }: StatusReport): string {
  const unhealthy = conditions
    .filter(({ status }) => status === 'False')
    .map(({ type, reason, message, last_transition_time }) => [
      `${type}=False (${reason}), for ${ago(last_transition_time, now)}`,
      message,
    ]);
  const readiness = not_ready === undefined ? [] : [['Not ready', not_ready]];
  const inForce =
    configuration === undefined
      ? []
      : [[`Configuration ${hashPrefix(configuration.sha256)}, loaded ${ago(configuration.loaded_at, now)} ago`]];
  return [...readiness, ...unhealthy, ...inForce].map(paragraph).join('');
}

function paragraph(lines: readonly string[]): string {
  return `\n${lines.map(printableLine).join('\n  ')}\n`;
}

function ago(time: string, now: string): string {
  return formatDuration(Math.max(0, Date.parse(now) - Date.parse(time)));
}
