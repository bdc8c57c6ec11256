import type { Happening, HashPrefix } from './demo-event.ts';
import { parseLogLine } from './log-line.ts';

/** Returns the event of a line of a client app's log, or `undefined` for one of no interest here. */
export function readClientLine(app: string, line: string): Happening | undefined {
  const fields = parseLogLine(line);
  if (fields === undefined) return undefined;
  const { event, message } = fields;
  if (event === 'call')
    return { kind: 'call', app, ok: fields['ok'] === true, outcome: outcomeOf(fields), ...more(fields) };
  if (event === 'listening' && typeof fields['url'] === 'string') {
    return { kind: 'listening', who: app, what: 'status', url: fields['url'] };
  }
  return typeof message === 'string' ? { kind: 'notice', who: app, message } : undefined;
}

function more({ requests, sha256 }: Record<string, unknown>): { requests?: number; hash?: HashPrefix } {
  return { ...(typeof requests === 'number' && { requests }), ...(typeof sha256 === 'string' && { hash: sha256 }) };
}

/** `ok 200`, `rejected 401`, `unreachable ECONNREFUSED` */
function outcomeOf({ outcome, status, message }: Record<string, unknown>): string {
  return [outcome, status, message].filter((part) => typeof part === 'string' || typeof part === 'number').join(' ');
}
