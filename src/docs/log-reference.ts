import type { AuditEvent } from '../core/events.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import {
  AUDIT_SAMPLES,
  DECISION_KINDS,
  FIELDS,
  PROCESS_SAMPLES,
  REPEATED,
  SAMPLE_TOKEN,
  TOKEN_SAMPLES,
} from './log-samples.ts';
import { code, codes, table } from './markdown.ts';

/** A line of the log, parsed. */
export type LogLine = Readonly<Record<string, unknown>>;

/** What writes the log: `write` gets each line. */
export type OpenLog = (write: (line: LogLine) => void) => Telemetry;

interface Logged {
  readonly meaning: string;
  readonly line: LogLine;
}

/** Fields of each line, which the tables of events leave out. */
const ALWAYS = new Set(['level', 'time', 'event', 'audit']);
/** More calls than have a line each, so that the log has a count of them. */
const CALLS = 12;

/** Returns the events of tokens, with what the log writes for a sample of each. */
export function tokenLogReference(open: OpenLog): string {
  const all = Object.values(TOKEN_SAMPLES);
  return eventTable(all.map(({ event, meaning }) => logged(open, meaning, (log) => log.token(SAMPLE_TOKEN, event))));
}

/** Returns the events of the process. */
export function processLogReference(open: OpenLog): string {
  const all = Object.values(PROCESS_SAMPLES);
  return eventTable(all.map(({ event, meaning }) => logged(open, meaning, (log) => log.process(event))));
}

/** Returns the lines of the audit. */
export function auditReference(open: OpenLog): string {
  const samples = Object.values(AUDIT_SAMPLES);
  const lines = samples.map(({ event, meaning }) => logged(open, meaning, (log) => log.process(event)));
  return eventTable([...lines, repeated(open, samples[0]?.event)]);
}

/** Returns the kinds of decisions, which are logged at debug. */
export function decisionReference(): string {
  return table(
    ['kind', 'meaning'],
    Object.entries(DECISION_KINDS).map(([kind, meaning]) => [code(kind), meaning]),
  );
}

/** Returns the fields of all lines. */
export function fieldReference(): string {
  return table(
    ['field', 'meaning'],
    Object.entries(FIELDS).map(([field, meaning]) => [code(field), meaning]),
  );
}

/** Writes one event to a log of its kind, and returns its line. */
function logged(open: OpenLog, meaning: string, write: (log: Telemetry) => void): Logged {
  const lines: LogLine[] = [];
  write(open((line) => void lines.push(line)));
  return { line: lines[0] ?? {}, meaning };
}

function repeated(open: OpenLog, event: AuditEvent | undefined): Logged {
  const lines: LogLine[] = [];
  const log = open((line) => void lines.push(line));
  for (let call = 0; call < CALLS; call += 1) if (event !== undefined) log.process(event);
  log.process({ kind: 'stopped' });
  return { line: lines.find((line) => line['event'] === REPEATED.event) ?? {}, meaning: REPEATED.meaning };
}

function eventTable(all: readonly Logged[]): string {
  const rows = all.map(({ line, meaning }) => [
    code(String(line['event'])),
    String(line['level']),
    codes(Object.keys(line).filter((field) => !ALWAYS.has(field))),
    meaning,
  ]);
  return table(['event', 'level', 'fields', 'meaning'], rows);
}
