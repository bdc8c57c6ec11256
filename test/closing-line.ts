import type { SerializedError, UserConsoleLog } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';
import { installedIn } from './real/install/cache.ts';
import { IN_CI } from './support/ci.ts';
import { findLeaks, type Leak, type Output } from './support/leak-search.ts';
import { machineText } from './support/machine.ts';
import { keepText, OUTPUTS_VARIABLE, readOutputs } from './support/outputs.ts';
import { LEDGER_VARIABLE, readLedger } from './support/secrets.ts';
import {
  closingLine,
  errorTexts,
  type Failure,
  failureLines,
  failuresIn,
  repeatedLines,
  type Tally,
  tally,
} from './support/tally.ts';

/**
 * Says what the run stands on, searches all its outputs for secrets, and closes with `N passed, N failed, N skipped` as
 * the very last line, whatever becomes of the run.
 */
export default class ClosingLine implements Reporter {
  #tally: Omit<Tally, 'remarks'> = { passed: 0, failed: 0, skipped: 0 };

  readonly #installedBefore = new Set(installedIn());
  /** Of a file that ran twice, the second result. */
  readonly #modules = new Map<string, TestModule>();
  /** What failed the first time in files that ran twice. */
  #repeated: readonly Failure[] = [];

  onInit(): void {
    process.stdout.write(`${machineText()}\n`);
    keepWrites(process.stdout, 'stdout of the test run');
    keepWrites(process.stderr, 'stderr of the test run');
    process.once('exit', (code) => this.#close(code));
  }

  onUserConsoleLog(log: UserConsoleLog): void {
    keepText('console of the tests', log.content);
  }

  /** Says what failed when it fails: a whole run takes long, and its full report comes last. */
  onTestModuleEnd(module: TestModule): void {
    for (const line of failureLines([module])) process.stdout.write(`${line}\n`);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    for (const text of errorTexts({ modules, unhandledErrors })) keepText('errors of the tests', text);
    const all = this.#withEarlier(modules);
    const run = { modules: all, repeated: this.#repeated, unhandledErrors, leaks: leaksOfThisRun(), skipsFail: IN_CI };
    const { remarks, ...counts } = tally(run);
    // Once more, next to the counts: that is the part of a long log that is looked at first.
    for (const line of [...repeatedLines(all, this.#repeated), ...failureLines(all)]) process.stdout.write(`${line}\n`);
    for (const remark of remarks) process.stdout.write(`${remark}\n`);
    process.stdout.write(`${this.#installations()}\n`);
    this.#tally = counts;
  }

  /** The results of all files so far. */
  #withEarlier(modules: readonly TestModule[]): TestModule[] {
    for (const module of modules) {
      const earlier = this.#modules.get(module.id);
      if (earlier !== undefined) this.#repeated = [...this.#repeated, ...failuresIn([earlier])];
      this.#modules.set(module.id, module);
    }
    return [...this.#modules.values()];
  }

  /** A run that builds Kubernetes and the like is not to be compared with one that finds them in the cache. */
  #installations(): string {
    const added = installedIn().filter((name) => !this.#installedBefore.has(name));
    const built = added.length === 0 ? 'nothing' : added.join(', ');
    return `This run installed ${built}. It found ${this.#installedBefore.size} programs in the cache.`;
  }

  /** The last thing that the process does, so nothing can be printed after it. */
  #close(code: number): void {
    let counts = this.#tally;
    if (code !== 0 && counts.failed === 0) {
      process.stdout.write(`The test run itself failed with exit code ${code}.\n`);
      counts = { ...counts, failed: 1 };
    }
    if (counts.failed > 0) process.exitCode = code || 1;
    process.stdout.write(`\n${closingLine(counts)}\n`);
  }
}

/** Says how much was searched, too, so that a search of nothing does not pass for a clean run. */
function leaksOfThisRun(): Leak[] {
  const ledger = process.env[LEDGER_VARIABLE];
  const folder = process.env[OUTPUTS_VARIABLE];
  if (ledger === undefined || folder === undefined) return [];
  const secrets = readLedger(ledger);
  const size = { outputs: 0, bytes: 0 };
  const leaks = findLeaks(secrets, counted(readOutputs(folder), size));
  const megabytes = (size.bytes / 1e6).toFixed(1);
  process.stdout.write(`Searched ${size.outputs} outputs of ${megabytes} MB for ${secrets.length} secrets.\n`);
  return leaks;
}

function* counted(outputs: Iterable<Output>, size: { outputs: number; bytes: number }): Generator<Output> {
  for (const output of outputs) {
    size.outputs += 1;
    size.bytes += output.content.length;
    yield output;
  }
}

/** Also keeps what reaches the stream: the workers' own output is piped through it. */
function keepWrites(stream: NodeJS.WriteStream, label: string): void {
  const write = stream.write.bind(stream);
  stream.write = (chunk: string | Uint8Array, ...rest: never[]) => {
    keepText(label, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    return write(chunk, ...rest);
  };
}
