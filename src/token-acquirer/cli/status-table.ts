import { formatDuration } from '../../core/duration.ts';
import { printableLine } from '../../core/printable.ts';
import { lastErrorOf } from '../endpoints/report-sentences.ts';
import { type StatusReport, type TokenReport, unhealthyIn } from '../endpoints/status-report.ts';
import { errorLinks } from './error-links.ts';
import { processText } from './process-text.ts';
import { textTable } from './text-table.ts';

/** A column before the others, such as where a token comes from. */
export interface FirstColumn<Report extends TokenReport> {
  readonly heading: string;
  readonly cellOf: (token: Report) => string;
}

const HEADINGS = ['TOKEN', 'STATE', 'EXPIRES IN', 'RENEWS IN', 'GENERATION', 'LAST ERROR'];

/** Returns the tokens of one process, and what there is to say about them and about the process. */
export function statusTable(report: StatusReport): string {
  return `${tokenTable(report.tokens, report.now)}${processText(report)}`;
}

/** Returns a row for each token, a paragraph for what its row does not show, and where its errors are explained. */
export function tokenTable<Report extends TokenReport>(
  tokens: readonly Report[],
  now: string,
  first?: FirstColumn<Report>,
): string {
  const at = Date.parse(now);
  const rows = tokens.map((token) => [
    ...(first === undefined ? [] : [first.cellOf(token)]),
    token.token,
    token.state,
    distance(token.expires_at, at),
    token.state === 'Suspended' ? '-' : distance(token.renew_at, at),
    token.generation === undefined ? '-' : String(token.generation),
    lastError(token),
  ]);
  const headings = [...(first === undefined ? [] : [first.heading]), ...HEADINGS];
  return `${textTable([headings, ...rows])}${tokens.map(remarks).join('')}${errorLinks(tokens)}`;
}

/** The states in which `Ready` is false by definition. */
const NOT_READY: readonly TokenReport['state'][] = ['Pending', 'Failing', 'Expired'];

/** Returns paragraphs below the table: why a token is suspended, warnings, and unhealthy conditions that its row does not show. */
function remarks(token: TokenReport): string {
  const notes = token.conditions.filter(({ type, status, message }) =>
    type === 'Suspended' ? token.state === type : type === 'IntervalValid' && status === 'True' && message !== '',
  );
  const unexplained = unhealthyIn(token.conditions).filter(({ type, message }) =>
    type === 'Ready' ? !NOT_READY.includes(token.state) : !lastError(token).endsWith(`: ${message}`),
  );
  return [...notes, ...unexplained]
    .map(({ type, status, reason, message }) => [`${token.token}: ${type}=${status} (${reason})`, message])
    .map((lines) => `\n${lines.map(printableLine).join('\n  ')}\n`)
    .join('');
}

/** Returns how far a time is from now: `5m`, `5m ago`. */
export function distance(time: string | undefined, now: number): string {
  if (time === undefined) return '-';
  const left = Date.parse(time) - now;
  return left < 0 ? `${formatDuration(-left)} ago` : formatDuration(left);
}

function lastError(token: TokenReport): string {
  return lastErrorOf(token) ?? '-';
}
