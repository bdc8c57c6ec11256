import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { needPackages } from '../real/install/debian.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { isOnPath, run } from '../real/install/run.ts';
import { keepOutput } from '../support/outputs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'docs/use/examples');
const DRIVERS = join(import.meta.dirname, 'drivers');

/** A program that makes a call for each line that it reads. */
interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Language {
  readonly name: string;
  /** What not every client can do. */
  readonly can: readonly ('stream' | 'callsTogether')[];
  /** Compiles the program into the folder, where it takes that. Throws NotAvailable. */
  prepare(folder: string): Promise<Program>;
}

const python: Language = {
  name: 'Python',
  can: ['callsTogether'],
  async prepare() {
    const present = (): Promise<boolean> => isOnPath('python3');
    await needPackages({ part: 'the client in Python', missing: 'python3', packages: ['python3'], present });
    const PYTHONPATH = join(EXAMPLES, 'python');
    return {
      command: 'python3',
      args: [join(DRIVERS, 'python/driver.py')],
      env: { PYTHONPATH, PYTHONDONTWRITEBYTECODE: '1' },
    };
  },
};

const go: Language = {
  name: 'Go',
  can: ['stream', 'callsTogether'],
  async prepare(folder) {
    if (!(await isOnPath('go')))
      throw new NotAvailable('the client in Go', 'go is missing', 'install Go 1.21 or later');
    const command = join(folder, 'driver');
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOPROXY: 'off', GOWORK: 'off' };
    await run({ label: 'go build', command: 'go', args: ['build', '-o', command, '.'], cwd: join(DRIVERS, 'go'), env });
    return { command, args: [] };
  },
};

const java: Language = {
  name: 'Java',
  can: ['callsTogether'],
  async prepare(folder) {
    const present = (): Promise<boolean> => isOnPath('javac');
    const packages = ['default-jdk-headless'];
    await needPackages({ part: 'the client in Java', missing: 'javac', packages, present });
    const sources = [join(EXAMPLES, 'java/TokenClient.java'), join(DRIVERS, 'java/Driver.java')];
    await run({ label: 'javac', command: 'javac', args: ['-Xlint:all', '-Werror', '-d', folder, ...sources] });
    return { command: 'java', args: ['-XX:TieredStopAtLevel=1', '-cp', folder, 'Driver'] };
  },
};

const shell: Language = {
  name: 'the shell',
  can: [],
  async prepare() {
    const present = (): Promise<boolean> => isOnPath('curl');
    await needPackages({ part: 'the client in the shell', missing: 'curl', packages: ['curl'], present });
    const env = { TOKEN_SH: join(EXAMPLES, 'shell/token.sh') };
    return { command: 'sh', args: [join(DRIVERS, 'shell/driver.sh')], env };
  },
};

const node: Language = {
  name: 'Node, which is the client library',
  can: ['stream', 'callsTogether'],
  async prepare() {
    return { command: process.execPath, args: [join(DRIVERS, 'node/driver-main.ts')] };
  },
};

export const EXAMPLE_LANGUAGES: readonly Language[] = [python, go, java, shell];
export const LANGUAGES: readonly Language[] = [node, ...EXAMPLE_LANGUAGES];

export interface CallOptions {
  readonly method?: string;
  readonly body?: string;
  readonly streamed?: boolean;
}

/** A running client. */
export class Client {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<string, (answer: string) => void>();
  readonly #folder = temporaryDirectory();
  readonly #exited: Promise<unknown>;
  #calls = 0;
  #last = '';

  constructor({ command, args, env: own }: Program, env: Readonly<Record<string, string>>, label: string) {
    const PATH = process.env['PATH'] ?? '';
    this.#child = spawn(command, args, { env: { PATH, ...env, ...own }, cwd: this.#folder.path });
    this.#exited = once(this.#child, 'exit');
    keepOutput(this.#child, label);
    this.#child.stderr.on('data', (part: Buffer) => {
      this.#last = part.toString();
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [number = '', answer = ''] = line.split('\t');
      this.#waiting.get(number)?.(answer);
      this.#waiting.delete(number);
    });
    this.#child.on('exit', () => {
      for (const answer of this.#waiting.values()) answer(`ended ${this.#last}`);
    });
  }

  /** Resolves with the status of the answer, or with what the client says instead. */
  call(url: string, { method = 'GET', body, streamed = false }: CallOptions = {}): Promise<string> {
    this.#calls += 1;
    const number = String(this.#calls);
    const file = body === undefined ? '-' : `${streamed ? 'stream:' : ''}${body}`;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#child.stdin.write(`${number}\t${method}\t${url}\t${file}\n`);
    });
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    this.#folder.remove();
  }
}
