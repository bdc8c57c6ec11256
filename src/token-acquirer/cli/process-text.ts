import { formatDuration } from '../../core/duration.ts';
import { printableLine } from '../../core/printable.ts';
import { hashPrefix } from '../../core/token.ts';
import type { ReplicaReport, StatusReport } from '../endpoints/status-report.ts';

/** Returns whether the process is ready, and each of its conditions is healthy. */
export function isProcessHealthy({ not_ready, conditions = [], replica }: StatusReport): boolean {
  if (replica?.leader_unreachable !== undefined) return false;
  return not_ready === undefined && conditions.every(({ status }) => status === 'True');
}

/** Paragraphs about the whole process: the configuration in force, why it is not ready, each unhealthy condition. */
export function processText({ not_ready, conditions = [], configuration, replica, now }: StatusReport): string {
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
  return [...leader(replica), ...readiness, ...unhealthy, ...inForce].map(paragraph).join('');
}

/** Which pod leads, and why this is not its report. */
function leader(replica: ReplicaReport | undefined): string[][] {
  if (replica === undefined) return [];
  const { pod, shard, role, leader: other, leader_unreachable: unreachable } = replica;
  if (unreachable !== undefined)
    return [[`The leader cannot be asked. This is what the pod ${pod} knows, which does not lead`, unreachable]];
  const tokens = shard === 0 ? '' : ` of shard ${shard}`;
  if (role === 'unelected') return [[`No leader${tokens}: every replica renews the tokens. This is the pod ${pod}`]];
  const cutOff = role === 'cut-off' ? ', and cannot reach the API server' : '';
  return [[`Leader${tokens}: pod ${other ?? pod}${cutOff}`]];
}

function paragraph(lines: readonly string[]): string {
  return `\n${lines.map(printableLine).join('\n  ')}\n`;
}

function ago(time: string, now: string): string {
  return formatDuration(Math.max(0, Date.parse(now) - Date.parse(time)));
}
