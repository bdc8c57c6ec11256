import type { Measured } from '../benchmark.ts';
import { CHARTS } from './charts.ts';
import { GROWTH } from './growth.ts';
import type { Results } from './results.ts';
import { summaryOf } from './summary.ts';
import { cellsOf, HEADINGS } from './table.ts';

/** `docs/project/benchmarks/README.md`: the results and what they mean first, how they were measured last. */
export function documentOf({ measured, machine }: Results): string {
  return `${[
    '<!-- Written by npm run bench from results.json. Change test/bench, and run `npm run bench -- --report`. -->',
    '# Benchmarks',
    'For those who size or compare token-acquirer. This is what it costs, and how fast a client recovers:',
    summaryOf(measured)
      .map((sentence) => `- ${sentence}`)
      .join('\n'),
    ...CHARTS.flatMap(({ title, meaning, file }) => [`## ${title}`, meaning, `![${title}, as bars](${file})`]),
    '## Growth with the number of tokens',
    'A level line is a cost that does not grow. The scale of tokens is one of powers of ten.',
    `![Processor time for a renewal and memory for a token, by the number of tokens](${GROWTH})`,
    '## All results',
    'The ratio is ours divided by what it is compared with. Ours and the other take turns, so a busy machine slows both: trust ratios more than times.',
    ...measured.map(tableOf),
    '## How it is measured',
    '`npm run bench` measures all of it in one run, on loopback and then in a cluster on the same machine. It writes this page.',
    ...measured.map(({ benchmark }) => [`### ${benchmark.title}: method`, benchmark.method.join('\n')].join('\n\n')),
    '## Machine',
    factsOf(machine),
  ].join('\n\n')}\n`;
}

function tableOf({ benchmark, rows }: Measured): string {
  const cells = rows.map((row) => cellsOf(row).map(escape));
  const table = [[...HEADINGS], HEADINGS.map((_, column) => (column === 0 ? '---' : '---:')), ...cells];
  const lines = table.map((row) => `| ${row.join(' | ')} |`);
  return [`### ${benchmark.title}`, lines.join('\n')].join('\n\n');
}

function factsOf(machine: Results['machine']): string {
  return Object.entries(machine)
    .map(([what, value]) => `- ${what}: ${value}`)
    .join('\n');
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}
