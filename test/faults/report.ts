import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { RowFigures } from './row.ts';
import { ROWS, type RowId } from './rows.ts';

/** Where the table of the last run is. */
export const TABLE = 'dist/faults.md';

const ID = /^([FA]\d+): /;
const HEAD = ['id', 'what', 'part', 'calls', 'failed', 'token requests', 'longest time without success', 'verdict'];

interface Line {
  readonly id: RowId;
  readonly verdict: string;
  readonly figures: RowFigures | undefined;
}

/** Prints the table of the faults and attacks that a run had, and writes it to a file. */
export default class FaultTable implements Reporter {
  /** Of a row that ran twice, the second result. */
  readonly #lines = new Map<RowId, Line>();

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.filter(({ relativeModuleId }) => relativeModuleId.startsWith('test/faults/'));
    const added = tests.flatMap((module) => [...module.children.allTests()].flatMap(lineOf));
    if (added.length === 0) return;
    for (const line of added) this.#lines.set(line.id, line);
    const lines = [...this.#lines.values()];
    const table = tableOf(lines);
    mkdirSync(dirname(TABLE), { recursive: true });
    writeFileSync(TABLE, table);
    const good = lines.filter(({ verdict }) => verdict === 'passed').length;
    process.stdout.write(`\n${table}\n${good} of ${lines.length} rows passed. The table is in ${TABLE}.\n`);
  }
}

function lineOf(test: TestCase): Line[] {
  const id = ID.exec(test.name)?.[1];
  const { state: verdict } = test.result();
  if (id === undefined || !(id in ROWS) || verdict === 'skipped') return [];
  return [{ id: id as RowId, verdict, figures: test.meta().row }];
}

/** Returns the table in Markdown, in the order of the rows. */
export function tableOf(lines: readonly Line[]): string {
  const order = Object.keys(ROWS);
  const sorted = lines.toSorted((one, other) => order.indexOf(one.id) - order.indexOf(other.id));
  const rows = sorted.map(({ id, verdict, figures }) => {
    const { what, part } = ROWS[id];
    const seconds = figures === undefined ? '' : `${(figures.longestGap / 1000).toFixed(2)} s`;
    return [id, what, part, figures?.calls, figures?.failed, figures?.tokenRequests, seconds, verdict];
  });
  return [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
