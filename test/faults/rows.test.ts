import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { failuresPage, idsOfPage } from './failures-page.ts';
import { tableOf } from './report.ts';
import { ROWS, type RowId } from './rows.ts';

const FOLDER = 'test/faults';
const ids = Object.keys(ROWS) as RowId[];

/** The rows that each file declares. */
const declared = globSync(`${FOLDER}/{fast,slow}/*.test.ts`).flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/^\s*row\(\s*'(\w+)'/gm)].map(([, id]) => ({ id, file })),
);

describe('the faults and attacks', () => {
  it('are F1 to F40 and A1 to A30', () => {
    const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, at) => `${letter}${at + 1}`);
    expect(ids).toEqual([...numbered('F', 40), ...numbered('A', 30)]);
  });

  it.for(ids)('have exactly one test of %s, in its file', (id, context) => {
    const files = declared.filter((one) => one.id === id).map(({ file }) => file);
    if (files.length === 0) return context.skip('It is not written yet.');
    expect(files).toEqual([`${FOLDER}/${ROWS[id].file}.test.ts`]);
  });
});

describe('the table', () => {
  it('shows the figures of each row, in the order of the rows', () => {
    const figures = { id: 'F1', calls: 100, failed: 2, tokenRequests: 3, longestGap: 1234 } as const;
    const table = tableOf([
      { id: 'A1', verdict: 'failed', figures: undefined },
      { id: 'F1', verdict: 'passed', figures },
    ]);
    const [, , first = '', second = ''] = table.split('\n');
    expect(first).toBe(`| F1 | ${ROWS.F1.what} | ${ROWS.F1.part} | 100 | 2 | 3 | 1.23 s | passed |`);
    expect(second).toBe(`| A1 | ${ROWS.A1.what} | ${ROWS.A1.part} |  |  |  |  | failed |`);
  });
});

describe('the document for operators', () => {
  it('has every failure, and is written by `npm test -- test/faults/rows.test.ts --update`', async () => {
    expect(idsOfPage().toSorted()).toEqual(ids.filter((id) => id.startsWith('F')).toSorted());
    await expect(failuresPage()).toMatchFileSnapshot('../../docs/explain/failures.md');
  });
});
