import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { NotAvailable } from '../real/install/not-available.ts';
import { type Benchmark, type Context, type Measured, Scope } from './benchmark.ts';
import { BENCHMARKS } from './benchmarks.ts';
import { CHARTS, chartOf } from './report/charts.ts';
import { documentOf } from './report/document.ts';
import { GROWTH, growthOf } from './report/growth.ts';
import { machineFacts, startNow } from './report/machine-facts.ts';
import { parseResults, type Results, resultsText, withRows } from './report/results.ts';
import { missedGoals, tableText } from './report/table.ts';
import { withUnitCosts } from './report/unit-costs.ts';

const DOCS = new URL('../../docs/project/benchmarks/', import.meta.url);
const RESULTS = new URL('results.json', DOCS);
const MANY_TOKENS = new URL('../../operate/many-tokens.md', DOCS);
const HELP = `Measures token-acquirer and peers, on loopback and in a cluster, and writes docs/project/benchmarks.

  npm run bench              all of it, in twenty minutes
  npm run bench -- NAME …    some, and writes nothing: ${BENCHMARKS.map(({ name }) => name).join(', ')}
    --tokens N               of \`renewals\`: only with so many tokens; may be repeated
    --profile DIR            of \`renewals\`: writes processor profiles of the program there
  npm run bench -- NAME … --record  replaces their rows in results.json, and writes the page and the charts
  npm run bench -- --report  measures nothing, and writes the page and the charts from results.json
`;

/** `undefined` where what it takes cannot be had here. */
async function measure(
  benchmark: Benchmark,
  options: Pick<Context, 'sizes' | 'profile'>,
): Promise<Measured | undefined> {
  const scope = new Scope();
  try {
    process.stderr.write(`${benchmark.name}: ${benchmark.title}\n`);
    const tell = (what: string): void => void process.stderr.write(`  ${what}\n`);
    return { benchmark, rows: await benchmark.run({ scope, tell, ...options }) };
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    process.stderr.write(`  left out: ${error.message}\n`);
    return undefined;
  } finally {
    await scope.close();
  }
}

function writeReport(results: Results): void {
  writeFileSync(new URL('README.md', DOCS), documentOf(results));
  for (const chart of CHARTS) writeFileSync(new URL(chart.file, DOCS), chartOf(chart, results.measured));
  writeFileSync(new URL(GROWTH, DOCS), growthOf(results.measured));
  writeFileSync(MANY_TOKENS, withUnitCosts(readFileSync(MANY_TOKENS, 'utf8'), results.measured));
}

function write(results: Results): void {
  mkdirSync(DOCS, { recursive: true });
  writeFileSync(RESULTS, resultsText(results));
  writeReport(results);
}

interface MeasureOptions extends Pick<Context, 'sizes' | 'profile'> {
  /** Whether the rows replace those in the results. */
  readonly record: boolean;
}

async function measureAll(names: readonly string[], { record, ...options }: MeasureOptions): Promise<void> {
  const started = startNow();
  const measured: Measured[] = [];
  for (const benchmark of BENCHMARKS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const one = await measure(benchmark, options);
    if (one !== undefined) measured.push(one);
  }
  process.stdout.write(`${tableText(measured)}\n`);
  const machine = machineFacts(started);
  if (names.length === 0) write({ measured, machine });
  else if (record) write(withRows(parseResults(readFileSync(RESULTS, 'utf8'), BENCHMARKS), { measured, machine }));
  for (const sentence of missedGoals(measured)) process.stderr.write(`${sentence}\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      help: { type: 'boolean' },
      report: { type: 'boolean' },
      record: { type: 'boolean' },
      tokens: { type: 'string', multiple: true },
      profile: { type: 'string' },
    },
    allowPositionals: true,
    strict: false,
  });
  const { help, report, record, tokens, profile, ...others } = values;
  if (help === true) return void process.stdout.write(HELP);
  if (report === true) return writeReport(parseResults(readFileSync(RESULTS, 'utf8'), BENCHMARKS));
  const unknown = positionals.filter((wanted) => !BENCHMARKS.some(({ name }) => name === wanted));
  if (unknown.length > 0 || Object.keys(others).length > 0) {
    process.stderr.write(`There is no benchmark or option of this name.\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const sizes = tokens?.map(Number);
  await measureAll(positionals, {
    sizes,
    profile: typeof profile === 'string' ? profile : undefined,
    record: record === true,
  });
}

await main();
