import { RE2JS } from 're2js';
import type { LineTest } from '../../core/evidence-line.ts';

const LONGEST = 1000;
/** Instructions of the compiled expression. Each line may visit all of them for each of its characters. */
const LARGEST = 2000;

/** Lines that programs print while nothing is wrong. */
const HARMLESS = [
  '{"level":"info","time":"2026-01-01T00:00:00Z","msg":"listening on port 8080"}',
  '2026-01-01 00:00:00 INFO  Order 4711 was saved (200 OK)',
  'GET /health HTTP/1.1 204 0 "probe"',
];

/** Returns the test of an expression in the syntax of RE2, whose time is linear in the length of a line. */
export function lineTest(expression: string): LineTest {
  const compiled = RE2JS.compile(expression);
  return (line) => compiled.test(line);
}

/** Returns what is wrong with an expression, or `undefined`. */
export function expressionFault(expression: string): string | undefined {
  if (expression.length > LONGEST) return `must have at most ${LONGEST} characters`;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(expression);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : '';
    return `is not an expression in the syntax of RE2, which has no lookarounds and no backreferences (${why})`;
  }
  if (compiled.programSize() > LARGEST) return 'is too large; shorten its repetitions';
  if (compiled.test('') || HARMLESS.every((line) => compiled.test(line)))
    return 'matches lines that report no rejected token; it must match only lines that do';
  return undefined;
}
