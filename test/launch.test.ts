import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFromPath } from './support/nodes.ts';
import { keepOutput } from './support/outputs.ts';

const LAUNCHER = join(import.meta.dirname, '../src/launch.mjs');
const PROGRAM = join(import.meta.dirname, 'fixtures/launched/bin.mjs');

const machine = nodeFromPath();
/** The machine's own Node, which may be older, and the one that the launcher itself would choose. */
const NODES = [
  { name: `Node ${machine.version} of the machine`, node: machine.path },
  { name: `Node ${process.versions.node} that runs the tests`, node: process.execPath },
];

interface Facts {
  readonly pid: number;
  readonly node: string;
  readonly rest: readonly string[];
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const started = new Set<ChildProcess>();

function start(command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(command, args);
  started.add(child);
  keepOutput(child, 'a launched program');
  return child;
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (texts.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (texts.stderr += String(chunk)));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, ...texts };
}

async function facts(child: ChildProcessWithoutNullStreams): Promise<Facts> {
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return JSON.parse(String(line)) as Facts;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function hasEnded(pid: number): Promise<boolean> {
  for (let waited = 0; waited < 5000 && isRunning(pid); waited += 20) await wait(20);
  return !isRunning(pid);
}

afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
});

describe.each(NODES)('the launcher under $name', ({ node }) => {
  it('runs TypeScript on Node 24 or later and hands the arguments over', async () => {
    const { code, stdout, stderr } = await ended(start(node, [PROGRAM, 'exit', '0', '--name', 'a b', '']));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const said = JSON.parse(stdout) as Facts;
    expect(Number(said.node.split('.')[0])).toBeGreaterThanOrEqual(24);
    expect(said.rest).toEqual(['0', '--name', 'a b', '']);
  });

  it.each([0, 1, 3, 255])('ends with exit code %i where the program does', async (code) => {
    expect(await ended(start(node, [PROGRAM, 'exit', String(code)]))).toMatchObject({ code, signal: null });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('passes %s on, once, and waits for the program', async (signal) => {
    const child = start(node, [PROGRAM, 'count-signals']);
    await facts(child);
    child.kill(signal);
    expect(await ended(child)).toMatchObject({ code: 11, signal: null, stdout: `${signal}\n` });
  });

  it('dies by the signal that the program died by', async () => {
    const child = start(node, [PROGRAM, 'wait']);
    process.kill((await facts(child)).pid, 'SIGKILL');
    expect(await ended(child)).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('leaves no program behind when it is killed itself', async () => {
    const child = start(node, [PROGRAM, 'wait']);
    const { pid } = await facts(child);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(await hasEnded(pid)).toBe(true);
  });

  it('delivers Ctrl-C on a terminal once', async () => {
    // A shell that stayed in between would answer for itself, and which shell it is differs from machine to machine.
    const child = start('script', ['-qefc', `exec "${node}" "${PROGRAM}" count-signals`, '/dev/null']);
    await facts(child);
    child.stdin.write('\u0003');
    const { code, stdout } = await ended(child);
    expect(stdout.match(/SIGINT/g)).toHaveLength(1);
    expect(code).toBe(11);
  });

  it('prints the path of the Node that it chooses', async () => {
    const { stdout } = await ended(start(node, [LAUNCHER]));
    const chosen = await ended(start(stdout.trim(), ['--print', 'process.versions.node']));
    expect(Number(chosen.stdout.split('.')[0])).toBeGreaterThanOrEqual(24);
  });
});

describe('the launcher without an installed Node 24', () => {
  let folder: string;
  let bin: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'token-acquirer-launch-'));
    bin = join(folder, 'bin.mjs');
    copyFileSync(LAUNCHER, join(folder, 'launch.mjs'));
    writeFileSync(bin, "import { launch } from './launch.mjs';\nlaunch(new URL('./main.ts', import.meta.url));\n");
    writeFileSync(join(folder, 'main.ts'), 'const text: string = process.versions.node;\nconsole.log(text);\n');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('stays on the Node that it runs on where that is new enough', async () => {
    const result = await ended(start(process.execPath, [bin]));
    expect(result).toEqual({ code: 0, signal: null, stdout: `${process.versions.node}\n`, stderr: '' });
    expect((await ended(start(process.execPath, [join(folder, 'launch.mjs')]))).stdout).toBe(`${process.execPath}\n`);
  });

  it.each(['bin.mjs', 'launch.mjs'])('says what to do where %s has none', async (file) => {
    // Where the machine's own Node is new enough, this cannot happen.
    if (Number(machine.version.split('.')[0]) >= 24) return;
    const { code, stdout, stderr } = await ended(start(machine.path, [join(folder, file)]));
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      `This needs Node 24 or later, and this is v${machine.version} with no package node-${process.platform}-${process.arch} installed. Run \`npm ci\` in the project's folder first, or install Node 24.\n`,
    );
  });

  it('says so where the installed one cannot be started', async () => {
    const installed = join(folder, `node_modules/node-${process.platform}-${process.arch}`);
    mkdirSync(join(installed, 'bin'), { recursive: true });
    writeFileSync(join(installed, 'package.json'), '{}');
    writeFileSync(join(installed, 'bin/node'), '');
    chmodSync(join(installed, 'bin/node'), 0o600);
    const { code, stderr } = await ended(start(machine.path, [bin]));
    expect(code).toBe(1);
    expect(stderr).toBe(`The program ${installed}/bin/node cannot be started: spawn ${installed}/bin/node EACCES.\n`);
  });
});
