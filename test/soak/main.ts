import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/core/errors.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { clusterPlotOf } from './cluster/cluster-plot.ts';
import { judgeCluster } from './cluster/cluster-rules.ts';
import { clusterTableOf } from './cluster/cluster-table.ts';
import { type ChosenSoak, HELP, readOptions } from './options.ts';
import { plotOf } from './report/plot.ts';
import { tableOf } from './report/table.ts';
import { isKept, type Judgement, judge } from './rules.ts';
import { soak } from './soak.ts';

/** Set in a process whose mounts end with it. */
const MOUNTS = 'TOKEN_ACQUIRER_SOAK_MOUNTS';

/** Starts this program once more where its mounts are its own, and end with it however it ends. */
function runWithMounts(chosen: ChosenSoak): void {
  const args = ['--mount', '--propagation', 'private', process.execPath, ...process.argv.slice(1)];
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, [MOUNTS]: 'own' } });
  // The terminal sends Ctrl-C to both; what is sent to this one only is passed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', () => void run(chosen, false));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

async function run(chosen: ChosenSoak, mayMount: boolean): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const context = { signal: stop.signal, tell };
  if (chosen.kind === 'local') {
    const { observed, broken, examples } = await soak({ ...context, options: chosen.options, mayMount });
    const judgements = judge(observed);
    report(chosen.options, judgements, {
      table: tableOf(observed, judgements),
      figures: { ...observed, judgements, broken, examples },
      plot: plotOf(observed),
    });
    return;
  }
  const { soakInCluster } = await import('./cluster/cluster-soak.ts');
  const observed = await soakInCluster({ ...context, options: chosen.options });
  const judgements = judgeCluster(observed);
  report(chosen.options, judgements, {
    table: clusterTableOf(observed, judgements),
    figures: { ...observed, judgements },
    plot: clusterPlotOf(observed),
  });
}

interface Report {
  readonly table: string;
  readonly figures: object;
  readonly plot: string;
}

function report(
  { output }: { readonly output: string | undefined },
  judgements: readonly Judgement[],
  made: Report,
): void {
  tell(`\n${made.table}\n`);
  const folder = output ?? mkdtempSync(join(tmpdir(), 'token-acquirer-soak-report-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'soak.json'), `${JSON.stringify(made.figures, undefined, 1)}\n`);
  writeFileSync(join(folder, 'soak.svg'), made.plot);
  tell(`The figures and the plot are in ${folder}.`);
  process.exitCode = isKept(judgements) ? 0 : 1;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** `undefined` where there is nothing to run. */
function chosenSoak(): ChosenSoak | undefined {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== 'help') return options;
    process.stdout.write(HELP);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${HELP}`);
    process.exitCode = 2;
  }
  return undefined;
}

const chosen = chosenSoak();
const mayMount = process.env[MOUNTS] === 'own';
if (chosen !== undefined) {
  try {
    if (chosen.kind === 'local' && !mayMount && process.getuid?.() === 0) runWithMounts(chosen);
    else {
      await run(chosen, mayMount);
      // Connections to the API server would keep it for a while.
      if (chosen.kind === 'cluster') process.exit();
    }
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
