import type { Measured } from '../benchmark.ts';
import type { MachineFacts } from './machine-facts.ts';
import { cellsOf, HEADINGS } from './table.ts';

/** `docs/project/benchmarks/README.md` */
export function documentOf(measured: readonly Measured[], facts: MachineFacts): string {
  return `${[
    '<!-- Written by npm run bench. Change test/bench, and run it again. -->',
    '# Benchmarks',
    'What token-acquirer costs and how fast it recovers, beside peers and beside the least that is possible. `npm run bench` measures all of it in one run, on loopback and at last in a cluster on the same machine, and writes this page. Ours and what it is compared with take turns, so that a busy machine slows both: read the ratios, not the times.',
    '![Ratios as bars, with the goals marked](benchmarks.svg)',
    ...measured.map(sectionOf),
    '## Machine',
    factsOf(facts),
  ].join('\n\n')}\n`;
}

function sectionOf({ benchmark, rows }: Measured): string {
  const cells = rows.map((row) => cellsOf(row).map(escape));
  const table = [[...HEADINGS], HEADINGS.map((_, column) => (column === 0 ? '---' : '---:')), ...cells];
  const lines = table.map((row) => `| ${row.join(' | ')} |`);
  return [`## ${benchmark.title}`, benchmark.method.join('\n'), lines.join('\n')].join('\n\n');
}

function factsOf(facts: MachineFacts): string {
  return Object.entries(facts)
    .map(([what, value]) => `- ${what}: ${value}`)
    .join('\n');
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}
