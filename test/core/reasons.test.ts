import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOKEN_EVENT_REASONS } from '../../src/core/event-reasons.ts';
import { PROCESS_CONDITIONS, REQUEST_REASONS, reasonOf, TOKEN_CONDITIONS } from '../../src/core/reasons.ts';

const SOURCE = join(import.meta.dirname, '../../src');

const CONDITIONS = Object.entries({ ...TOKEN_CONDITIONS, ...PROCESS_CONDITIONS });
const CONDITION_REASONS = CONDITIONS.flatMap(([type, { true: healthy, false: unhealthy }]) =>
  Object.entries({ ...healthy, ...unhealthy }).map(([reason, meaning]) => [type, reason, meaning] as const),
);
const EVENT_REASONS = Object.entries(TOKEN_EVENT_REASONS).map(
  ([reason, { meaning }]) => ['event', reason, meaning] as const,
);
const REASONS = [
  ...CONDITION_REASONS,
  ...EVENT_REASONS,
  ...Object.entries(REQUEST_REASONS).map(([reason, meaning]) => ['request', reason, meaning] as const),
];
const SENTENCES = [...REASONS, ...CONDITIONS.map(([type, { meaning }]) => [type, '', meaning] as const)];

/** Reasons that the program makes from an error code, so that no line of the source has them. */
const FAILURES: ReadonlySet<string> = new Set(Object.keys(TOKEN_CONDITIONS.Renewed.false));

/** The source without the tables of the reasons and without the code that only prints them. */
function codeThatGivesReasons(): string {
  const files = globSync('**/*.ts', {
    cwd: SOURCE,
    exclude: ['docs/**', 'demo/**', 'core/{reasons,event-reasons}.ts'],
  });
  return files.map((file) => readFileSync(join(SOURCE, file), 'utf8')).join('\n');
}

describe('the reasons', () => {
  const source = codeThatGivesReasons();

  it('are each used by some code', () => {
    const unused = REASONS.filter(([, reason]) => !FAILURES.has(reason) && !source.includes(`'${reason}'`));
    expect(unused).toEqual([]);
  });

  it('are searched in code that does not contain every word', () => {
    expect(source).toContain("'TokenRepaired'");
    expect(source).not.toContain("'NoSuchReason'");
  });

  it.each(SENTENCES)('explain %s %s in a line', (_type, _reason, meaning) => {
    expect(meaning).toMatch(/^[^\n]+\.$/);
    expect(meaning.split(' ').length).toBeLessThanOrEqual(25);
  });

  it('are either True or False for a condition', () => {
    for (const [type, { true: healthy, false: unhealthy }] of CONDITIONS) {
      expect([type, Object.keys(healthy).filter((reason) => reason in unhealthy)]).toEqual([type, []]);
    }
  });

  it.each([
    ['invalid_client', 'InvalidClient'],
    ['unreachable', 'Unreachable'],
    ['needs_credential', 'NeedsCredential'],
  ] as const)('have for the error code %s the reason %s', (code, reason) => {
    expect(reasonOf(code)).toBe(reason);
    expect(FAILURES).toContain(reason);
  });
});
