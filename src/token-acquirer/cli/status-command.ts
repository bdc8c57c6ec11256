import { formatDuration } from '../../core/duration.ts';
import type { StatusReport, TokenReport } from '../status.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';

export interface CommandOutput {
  out(text: string): void;
  error(text: string): void;
}

type Get = (url: string) => Promise<{ status: number; body: string }>;

/** Reads the status of a running token-acquirer. Throws CommandFailed. */
export async function readStatus(statusUrl: string, get: Get): Promise<StatusReport> {
  const failed = (what: string): CommandFailed =>
    new CommandFailed(
      EXIT.unreachable,
      `No token-acquirer answers at ${statusUrl} (${what}). Is it running? Name its address with --status-url.`,
    );
  let answer: { status: number; body: string };
  try {
    answer = await get(new URL('/status', statusUrl).href);
  } catch (error) {
    throw failed(error instanceof Error ? error.message : 'failed');
  }
  if (answer.status !== 200) throw failed(`HTTP ${answer.status}`);
  try {
    return JSON.parse(answer.body) as StatusReport;
  } catch {
    throw failed('its answer is not JSON');
  }
}

const HEADINGS = ['TOKEN', 'STATE', 'EXPIRES IN', 'RENEWS IN', 'GENERATION', 'LAST ERROR'];

/** Prints the status. Throws CommandFailed where a token is not well, so that scripts can tell. */
export async function statusCommand(
  options: { statusUrl: string; output: 'table' | 'json' },
  get: Get,
  output: CommandOutput,
): Promise<void> {
  const report = await readStatus(options.statusUrl, get);
  output.out(options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : statusTable(report));
  const unwell = report.tokens.filter(({ state }) => state !== 'Valid' && state !== 'Suspended');
  if (unwell.length > 0) throw new CommandFailed(EXIT.failed, '');
}

export function statusTable({ tokens, now }: StatusReport): string {
  const at = Date.parse(now);
  const rows = tokens.map((token) => [
    token.token,
    token.state,
    distance(token.expires_at, at),
    token.state === 'Suspended' ? '-' : distance(token.renew_at, at),
    token.generation === undefined ? '-' : String(token.generation),
    lastError(token),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[HEADINGS, ...rows].map(line).join('\n')}\n`;
}

function distance(time: string | undefined, now: number): string {
  if (time === undefined) return '-';
  const left = Date.parse(time) - now;
  return left < 0 ? `${formatDuration(-left)} ago` : formatDuration(left);
}

function lastError({ last_error: error, stored, conditions }: TokenReport): string {
  if (error !== undefined) return `${error.code}: ${error.message}`;
  const store = conditions.find(({ type }) => type === 'Stored');
  return !stored && store?.status === 'False' ? `${store.reason}: ${store.message}` : '-';
}
