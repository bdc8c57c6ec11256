import { parseLogLine } from './acquirer-log.ts';
import type { Happening } from './demo-event.ts';

/** What a line of a client app's log tells, `undefined` where it is of no interest here. */
export function readClientLine(app: string, line: string): Happening | undefined {
  const fields = parseLogLine(line);
  if (fields === undefined) return undefined;
  return undefined;
}
