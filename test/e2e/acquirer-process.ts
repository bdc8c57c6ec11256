import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { keepOutput, keepText } from '../support/outputs.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';

export const MAIN = fileURLToPath(new URL('../../src/token-acquirer/main.ts', import.meta.url));
const PLUGIN = fileURLToPath(new URL('../../src/token-acquirer/plugin-main.ts', import.meta.url));

/** Everything that a token-acquirer works on, in its own folder. */
export class Workplace {
  readonly root = mkdtempSync(join(tmpdir(), 'token-acquirer-e2e-'));
  readonly config = join(this.root, 'config.yaml');
  readonly credentials = join(this.root, 'credentials');
  readonly tokens = join(this.root, 'tokens');
  readonly state = join(this.root, 'state');
  readonly callerToken = join(this.root, 'callers', 'billing-app');

  constructor() {
    for (const folder of [this.credentials, this.tokens, this.state, dirname(this.callerToken)]) {
      mkdirSync(folder, { mode: 0o700 });
    }
    writeFileSync(this.callerToken, `${secret('caller')}\n`, { mode: 0o600 });
  }

  configure(configuration: object): this {
    writeFileSync(this.config, stringify(configuration));
    return this;
  }

  /** Sets values of a credential. */
  credential(name: string, values: Readonly<Record<string, string>>): this {
    mkdirSync(join(this.credentials, name), { recursive: true });
    for (const [key, value] of Object.entries(values)) writeFileSync(join(this.credentials, name, key), `${value}\n`);
    return this;
  }

  volume(secretName = 'billing-tokens'): string {
    return join(this.tokens, 'billing', secretName);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** `run` in the workplace, on free ports. */
export function runArguments({ config, credentials, tokens, state }: Workplace): string[] {
  const folders = ['--credentials', credentials, '--token-directory', tokens, '--state', state];
  return ['run', '--config', config, ...folders, '--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

type LogLine = Readonly<Record<string, unknown>>;

/** How the process is started, besides its arguments. */
export interface ProcessOptions {
  /** Options of Node. */
  readonly node?: readonly string[];
  /** In addition to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of another version. */
  readonly main?: string;
  /** Words before the command, such as those of a memory limit. */
  readonly launcher?: readonly string[];
}

/** A running `token-acquirer run`. */
export class AcquirerProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  readonly #log: Interface | undefined;
  #stderr = '';
  readonly #exited: Promise<[number | null, NodeJS.Signals | null]>;

  private constructor(
    args: readonly string[],
    { node = [], env = {}, main = MAIN, launcher = [] }: ProcessOptions = {},
  ) {
    const [file = '', ...words] = [...launcher, process.execPath, ...node, main, ...args];
    this.child = spawn(file, words, {
      // The channel ends it when a killed test run is gone.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    keepOutput(this.child, 'token-acquirer run');
    this.#exited = once(this.child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    if (this.child.stdout !== null) {
      this.#log = createInterface({ input: this.child.stdout });
      this.#log.on('line', (line) => this.lines.push(JSON.parse(line) as LogLine));
    }
    this.child.stderr?.on('data', (part: Buffer) => {
      this.#stderr += part.toString();
    });
  }

  static start(args: readonly string[], options: ProcessOptions = {}): AcquirerProcess {
    return new AcquirerProcess(args, options);
  }

  /** Runs in the workplace, on free ports. */
  static in(workplace: Workplace, more: readonly string[] = [], options: ProcessOptions = {}): AcquirerProcess {
    return new AcquirerProcess([...runArguments(workplace), ...more], options);
  }

  /** Reads no more of its log, so that the pipe becomes full. */
  stopReading(): void {
    this.#log?.removeAllListeners('line').close();
    this.child.stdout?.pause();
  }

  count(kind: string): number {
    return this.lines.filter(({ event }) => event === kind).length;
  }

  /** Waits for the first (or `nth`) line of this kind. */
  async logged(kind: string, nth = 1, within = 50_000): Promise<LogLine> {
    const end = Date.now() + within;
    for (;;) {
      const found = this.lines.filter(({ event }) => event === kind)[nth - 1];
      if (found !== undefined) return found;
      if (Date.now() > end || this.child.exitCode !== null) {
        throw new Error(
          `No line ${kind} came; the log has ${this.lines.map(({ event }) => String(event)).join(', ')}. ${this.#stderr}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async url(endpoint: 'reissue' | 'status' | 'probe'): Promise<string> {
    await this.logged('listening', endpoint === 'reissue' ? 1 : 2);
    const found = () => this.lines.find((line) => line['event'] === 'listening' && line['endpoint'] === endpoint);
    await until(`The address of the ${endpoint} listener`, () => found() !== undefined, 50_000);
    return String(found()?.['url']);
  }

  async status(): Promise<StatusReport> {
    const answer = await fetch(new URL('/status', await this.url('status')));
    const text = await answer.text();
    keepText('GET /status', text);
    return JSON.parse(text) as StatusReport;
  }

  async metrics(): Promise<string> {
    const text = await (await fetch(new URL('/metrics', await this.url('status')))).text();
    keepText('GET /metrics', text);
    return text;
  }

  /** Ends it, and waits until it has ended. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended();
  }

  async ended(): Promise<Ended> {
    const [code, killed] =
      this.child.exitCode === null && this.child.signalCode === null
        ? await this.#exited
        : [this.child.exitCode, this.child.signalCode];
    return { code, signal: killed, stdout: JSON.stringify(this.lines), stderr: this.#stderr };
  }
}

/** Runs a command of the command line to its end. */
export function command(
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return ended(MAIN, args, { input, env });
}

/** Runs a command of the plugin of kubectl to its end. */
export function pluginCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Ended> {
  return ended(PLUGIN, args, { input, env });
}

async function ended(
  main: string,
  args: readonly string[],
  { input, env }: { readonly input: string; readonly env: Readonly<Record<string, string>> },
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  keepOutput(child, `token-acquirer ${args[0] ?? ''}`);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => {
    stdout += part.toString();
  });
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
  });
  child.stdin.end(input);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
