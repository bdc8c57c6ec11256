import { formatDuration } from '../../core/duration.ts';
import { printableLine } from '../../core/printable.ts';
import { hashPrefix } from '../../core/token.ts';
import { leaderLines, processProblems } from '../endpoints/report-sentences.ts';
import type { StatusReport } from '../endpoints/status-report.ts';

/** Paragraphs about the whole process: the configuration in force, why it is not ready, each unhealthy condition. */
export function processText(report: Omit<StatusReport, 'tokens'>): string {
  const { configuration, replica, now } = report;
  const leader = leaderLines(replica);
  const problems = processProblems(report).map(({ title, message, since }) => [
    since === undefined ? title : `${title}, for ${ago(since, now)}`,
    message,
  ]);
  const inForce =
    configuration === undefined
      ? []
      : [[`Configuration ${hashPrefix(configuration.sha256)}, loaded ${ago(configuration.loaded_at, now)} ago`]];
  return [...(leader.length === 0 ? [] : [leader]), ...problems, ...inForce].map(paragraph).join('');
}

function paragraph(lines: readonly string[]): string {
  return `\n${lines.map(printableLine).join('\n  ')}\n`;
}

function ago(time: string, now: string): string {
  return formatDuration(Math.max(0, Date.parse(now) - Date.parse(time)));
}
