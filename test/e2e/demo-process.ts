import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MARK } from '../../src/demo/commands.ts';
import { STARTED_BY } from '../../src/demo/parent.ts';
import { keepOutput } from '../support/outputs.ts';
import { registerSecret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files that hold secrets, wherever in the demo's folders. */
const SECRET_FILES = new Set(['client_secret', 'password', 'caller-token', 'dynamics']);

/** One process of a running demo. */
export interface Found {
  readonly pid: number;
  readonly arguments: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly folder: string;
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Start {
  readonly args?: readonly string[];
  /** Starts the demo as its script does, but says that this process is the one that started it. */
  readonly startedBy?: number;
}

/** `npm run demo`, as a user starts it, with a folder of its own for temporary files. */
export class DemoProcess {
  readonly npm: ChildProcess;
  /** Resolves when npm has ended and its output is complete. */
  readonly ended: Promise<End>;
  output = '';
  errors = '';
  readonly #mark = randomUUID();
  readonly #folder = temporaryDirectory();
  readonly #registered = new Set<string>();

  constructor({ args = [], startedBy }: Start) {
    // npm, run by Node 24, keeps a cache of its own code in TMPDIR: not a file of the demo's.
    const quiet = { NODE_DISABLE_COMPILE_CACHE: '1', NO_COLOR: '1' };
    const env = { ...process.env, ...quiet, TMPDIR: this.#folder.path, [MARK]: this.#mark };
    const [file, ...rest] =
      startedBy === undefined ? ['npm', 'run', 'demo', '--', ...args] : [process.execPath, 'src/demo/main.ts', ...args];
    this.npm = spawn(file, rest, {
      cwd: ROOT,
      env: startedBy === undefined ? env : { ...env, [STARTED_BY]: String(startedBy) },
      // Its own process group, as a shell gives it: what Ctrl-C would reach.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    keepOutput(this.npm, `npm run demo ${args.join(' ')}`);
    this.npm.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.npm.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    this.ended = once(this.npm, 'close').then((values) => {
      const [code, signal] = values as [End['code'], End['signal']];
      return { code, signal };
    });
  }

  /** The processes that carry the mark of this demo, npm among them. */
  processes(): Found[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => describeProcess(Number(name)) ?? [])
      .filter(({ environment }) => environment.get(MARK) === this.#mark);
  }

  /** Files that are left under the folder for temporary files. */
  leftFiles(): string[] {
    return readdirSync(this.#folder.path, { recursive: true, encoding: 'utf8' });
  }

  /** Has the leak check look for every secret that the demo has drawn so far. */
  registerSecrets(): void {
    for (const name of this.leftFiles()) {
      if (!SECRET_FILES.has(name.split('/').at(-1) ?? '')) continue;
      const value = textOf(join(this.#folder.path, name));
      if (value === undefined || this.#registered.has(value)) continue;
      this.#registered.add(value);
      registerSecret(value, `${name} of the demo`);
    }
  }

  get registered(): number {
    return this.#registered.size;
  }

  /** Leaves nothing behind, however the test ended. */
  async clear(): Promise<void> {
    for (const { pid } of this.processes()) kill(pid, 'SIGKILL');
    await this.ended;
    this.#folder.remove();
  }
}

/** Sends a signal to a process that may be gone; a negative id means its group. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

function describeProcess(pid: number): Found | undefined {
  const environment = textOf(`/proc/${pid}/environ`);
  const list = textOf(`/proc/${pid}/cmdline`);
  if (environment === undefined || list === undefined) return undefined;
  const variables = environment.split('\0').map((entry): [string, string] => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  return {
    pid,
    arguments: list.replaceAll('\0', ' '),
    environment: new Map(variables),
    folder: linkOf(`/proc/${pid}/cwd`),
  };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
