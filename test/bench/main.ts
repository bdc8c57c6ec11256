import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Benchmark, type Measured, Scope } from './benchmark.ts';
import { headerCost } from './benchmarks/header-cost.ts';
import { memory } from './benchmarks/memory.ts';
import { recovery } from './benchmarks/recovery.ts';
import { rejections } from './benchmarks/rejections.ts';
import { requestsOverFloor } from './benchmarks/requests-over-floor.ts';
import { startUp } from './benchmarks/start-up.ts';
import { swaps } from './benchmarks/swaps.ts';
import { documentOf } from './report/document.ts';
import { machineFacts, startNow } from './report/machine-facts.ts';
import { plotOf } from './report/plot.ts';
import { missedGoals, tableText } from './report/table.ts';

const BENCHMARKS: readonly Benchmark[] = [requestsOverFloor, rejections, recovery, headerCost, swaps, startUp, memory];
const DOCS = new URL('../../docs/benchmarks/', import.meta.url);
const HELP = `Measures token-acquirer beside peers, on loopback, and writes docs/benchmarks.

  npm run bench                  all of it, in some minutes
  npm run bench -- --only NAME   one, and writes nothing: ${BENCHMARKS.map(({ name }) => name).join(', ')}
`;

async function measure(benchmark: Benchmark): Promise<Measured> {
  const scope = new Scope();
  try {
    process.stderr.write(`${benchmark.name}: ${benchmark.title}\n`);
    const tell = (what: string): void => void process.stderr.write(`  ${what}\n`);
    return { benchmark, rows: await benchmark.run({ scope, tell }) };
  } finally {
    await scope.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help === true) return void process.stdout.write(HELP);
  const chosen = BENCHMARKS.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    process.stderr.write(`There is no such benchmark.\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const started = startNow();
  const measured: Measured[] = [];
  for (const benchmark of chosen) measured.push(await measure(benchmark));
  process.stdout.write(`${tableText(measured)}\n`);
  if (values.only === undefined) {
    mkdirSync(DOCS, { recursive: true });
    writeFileSync(new URL('README.md', DOCS), documentOf(measured, machineFacts(started)));
    writeFileSync(new URL('benchmarks.svg', DOCS), plotOf(measured));
  }
  for (const sentence of missedGoals(measured)) process.stderr.write(`${sentence}\n`);
}

await main();
