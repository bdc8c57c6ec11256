import { TOKEN_EVENT_REASONS } from '../core/event-reasons.ts';
import { PROCESS_CONDITIONS, TOKEN_CONDITIONS } from '../core/reasons.ts';
import { TOKEN_STATES } from '../core/token-states.ts';
import { CONDITION_REMEDIES } from './condition-remedies.ts';
import { code, table } from './markdown.ts';

/** Returns the states of a token as a table. */
export function stateReference(): string {
  const rows = Object.entries(TOKEN_STATES).map(([state, { healthy, meaning }]) => [
    code(state),
    healthy ? 'yes' : 'no',
    meaning,
  ]);
  return table(['state', 'healthy', 'meaning'], rows);
}

/** Returns the conditions of a token: a table, and a section with the reasons of each. */
export function tokenConditionReference(): string {
  return reference(TOKEN_CONDITIONS);
}

/** Returns the same for the conditions of the process. */
export function processConditionReference(): string {
  return reference(PROCESS_CONDITIONS);
}

interface Entry {
  readonly meaning: string;
  readonly true: Readonly<Record<string, string>>;
  readonly false: Readonly<Record<string, string>>;
}

function reference(conditions: Readonly<Record<string, Entry>>): string {
  const entries = Object.entries(conditions);
  const remedies: Readonly<Record<string, string>> = CONDITION_REMEDIES;
  const rows = entries.map(([type, { meaning }]) => [
    `[${code(type)}](#${type.toLowerCase()})`,
    meaning,
    remedies[type] === undefined ? 'True and False' : 'True',
    remedies[type] ?? 'Nothing.',
  ]);
  const overview = table(['condition', 'meaning if True', 'healthy if', 'what to do if it is unhealthy'], rows);
  return [overview, ...entries.map(([type, entry]) => `### ${code(type)}\n\n${reasonTable(entry)}`)].join('\n\n');
}

function reasonTable({ true: whenTrue, false: whenFalse }: Entry): string {
  const rows = (status: string, reasons: Entry['true']): string[][] =>
    Object.entries(reasons).map(([reason, meaning]) => [status, code(reason), meaning]);
  return table(['status', 'reason', 'meaning'], [...rows('True', whenTrue), ...rows('False', whenFalse)]);
}

/** Returns the events about a token as a table. */
export function eventReference(): string {
  const rows = Object.entries(TOKEN_EVENT_REASONS).map(([reason, { type, meaning }]) => [code(reason), type, meaning]);
  return table(['reason', 'type', 'meaning'], rows);
}
