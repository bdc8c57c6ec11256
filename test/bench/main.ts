import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { NotAvailable } from '../real/install/not-available.ts';
import { type Benchmark, type Measured, Scope } from './benchmark.ts';
import { clusterBenchmark } from './benchmarks/cluster.ts';
import { headerCost } from './benchmarks/header-cost.ts';
import { memory } from './benchmarks/memory.ts';
import { recovery } from './benchmarks/recovery.ts';
import { rejections } from './benchmarks/rejections.ts';
import { requestsOverFloor } from './benchmarks/requests-over-floor.ts';
import { sizing } from './benchmarks/sizing.ts';
import { startUp } from './benchmarks/start-up.ts';
import { swaps } from './benchmarks/swaps.ts';
import { documentOf } from './report/document.ts';
import { machineFacts, startNow } from './report/machine-facts.ts';
import { plotOf } from './report/plot.ts';
import { missedGoals, tableText } from './report/table.ts';

const BENCHMARKS: readonly Benchmark[] = [
  requestsOverFloor,
  rejections,
  recovery,
  headerCost,
  swaps,
  startUp,
  memory,
  sizing,
  clusterBenchmark,
];
const DOCS = new URL('../../docs/project/benchmarks/', import.meta.url);
const HELP = `Measures token-acquirer beside peers, on loopback and in a cluster, and writes docs/project/benchmarks.

  npm run bench             all of it, in twenty minutes
  npm run bench -- NAME …   some, and writes nothing: ${BENCHMARKS.map(({ name }) => name).join(', ')}
`;

/** `undefined` where what it takes cannot be had here. */
async function measure(benchmark: Benchmark): Promise<Measured | undefined> {
  const scope = new Scope();
  try {
    process.stderr.write(`${benchmark.name}: ${benchmark.title}\n`);
    const tell = (what: string): void => void process.stderr.write(`  ${what}\n`);
    return { benchmark, rows: await benchmark.run({ scope, tell }) };
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    process.stderr.write(`  left out: ${error.message}\n`);
    return undefined;
  } finally {
    await scope.close();
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean' } },
    allowPositionals: true,
    strict: false,
  });
  if (values['help'] === true) return void process.stdout.write(HELP);
  const unknown = positionals.filter((wanted) => !BENCHMARKS.some(({ name }) => name === wanted));
  if (unknown.length > 0 || Object.keys(values).length > 0) {
    process.stderr.write(`There is no benchmark or option of this name.\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const started = startNow();
  const measured: Measured[] = [];
  for (const benchmark of chosen) {
    const one = await measure(benchmark);
    if (one !== undefined) measured.push(one);
  }
  process.stdout.write(`${tableText(measured)}\n`);
  if (positionals.length === 0) {
    mkdirSync(DOCS, { recursive: true });
    writeFileSync(new URL('README.md', DOCS), documentOf(measured, machineFacts(started)));
    writeFileSync(new URL('benchmarks.svg', DOCS), plotOf(measured));
  }
  for (const sentence of missedGoals(measured)) process.stderr.write(`${sentence}\n`);
}

await main();
