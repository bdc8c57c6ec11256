/** One line of a log in JSON. */
export interface LogLine {
  readonly time: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** One call of the client app, as its log has it. */
export interface Call {
  readonly time: string;
  readonly ok: boolean;
  readonly outcome: string;
  readonly status?: number;
  /** Two where a token error was cured, or not, by a replay. */
  readonly requests: number;
  readonly took_ms: number;
  readonly generation?: number;
}

/** What of a log is JSON, in the order of the log. */
export function logLines(text: string): LogLine[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}

export function callsIn(lines: readonly LogLine[]): Call[] {
  return lines.filter(({ event }) => event === 'call') as unknown as Call[];
}

export function failedCalls(calls: readonly Call[]): Call[] {
  return calls.filter(({ ok }) => !ok);
}
