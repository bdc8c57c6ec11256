import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/core/errors.ts';
import { HELP, readOptions, type SoakOptions } from './options.ts';
import { plotOf } from './report/plot.ts';
import { tableOf } from './report/table.ts';
import { isKept, judge } from './rules.ts';
import { soak } from './soak.ts';

/** Set in a process whose mounts end with it. */
const MOUNTS = 'TOKEN_ACQUIRER_SOAK_MOUNTS';

/** Starts this program once more where its mounts are its own, and end with it however it ends. */
function runWithMounts(): void {
  const args = ['--mount', '--propagation', 'private', process.execPath, ...process.argv.slice(1)];
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, [MOUNTS]: 'own' } });
  // The terminal sends Ctrl-C to both; what is sent to this one only is passed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', () => void run(false));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

async function run(mayMount: boolean): Promise<void> {
  const options = chosenOptions();
  if (options === undefined) return;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  const { observed, broken } = await soak({ options, mayMount, signal: stop.signal, tell });
  const judgements = judge(observed);
  tell(`\n${tableOf(observed, judgements)}\n`);
  const folder = options.output ?? mkdtempSync(join(tmpdir(), 'token-acquirer-soak-report-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'soak.json'), `${JSON.stringify({ ...observed, judgements, broken }, undefined, 1)}\n`);
  writeFileSync(join(folder, 'soak.svg'), plotOf(observed));
  tell(`The figures and the plot are in ${folder}.`);
  process.exitCode = isKept(judgements) ? 0 : 1;
}

/** `undefined` where there is nothing to run. */
function chosenOptions(): SoakOptions | undefined {
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

const mayMount = process.env[MOUNTS] === 'own';
if (!mayMount && process.getuid?.() === 0 && chosenOptions() !== undefined) runWithMounts();
else await run(mayMount);
