import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Children, type Death } from '../../src/demo/children.ts';
import type { Command } from '../../src/demo/commands.ts';
import { keepOutput } from '../support/outputs.ts';
import { isAlive, survivors } from '../support/processes.ts';

const CHILD = fileURLToPath(new URL('../fixtures/demo-child.ts', import.meta.url));
const PARENT = fileURLToPath(new URL('../fixtures/demo-parent.ts', import.meta.url));
const GUARD = fileURLToPath(new URL('../../src/demo/child-guard.ts', import.meta.url));

/** The most that a process may take to notice that its parent has ended; the demo promises 5 s for all of them. */
const SOON = 5000;

const started: ChildProcess[] = [];
const families: Children[] = [];
/** Processes that nobody here is the parent of. */
const strays: number[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of strays.splice(0).filter(isAlive)) process.kill(pid, 'SIGKILL');
  await Promise.all(families.splice(0).map((children) => children.stopAll()));
});

function family(): { children: Children; deaths: Death[] } {
  const deaths: Death[] = [];
  const children = new Children((death) => deaths.push(death));
  families.push(children);
  return { children, deaths };
}

function command(...args: string[]): Command {
  return { name: 'child', args: [CHILD, ...args], env: {}, cwd: '/' };
}

/** A child of the demo and the lines that it says; resolves when it is ready. */
async function ready(children: Children, ...args: string[]) {
  return new Promise<ReturnType<Children['start']>>((resolve) => {
    const child = children.start(command(...args), { line: () => resolve(child) });
  });
}

function run(file: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  keepOutput(child, `${file} ${args.join(' ')}`);
  started.push(child);
  return child;
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('The process has no standard output.');
  const [line] = (await once(createInterface({ input: stdout }), 'line')) as [string];
  return line;
}

describe('a child of the demo', () => {
  it('takes instructions, announces where it listens, and honors orders', async () => {
    const { children } = family();
    const messages: unknown[] = [];
    const child = children.start(command('obedient'), { message: (message) => messages.push(message) });
    child.send({ greeting: 'http://127.0.0.1:1' });
    child.send({ say: 'one' });
    await expect.poll(() => messages.length, { timeout: SOON }).toBe(2);
    expect(messages).toEqual([
      { kind: 'listening', urls: { url: 'http://127.0.0.1:1' } },
      { kind: 'report', report: 'one', at: expect.any(Number) },
    ]);
  });

  it('ends when its parent is killed', async () => {
    const parent = run(PARENT);
    const pid = Number(await firstLine(parent));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    expect(await survivors(() => [pid], SOON)).toEqual([]);
  });

  it('ends when its parent was killed before it could listen for that', async () => {
    const child = fork(CHILD, { stdio: 'ignore' });
    started.push(child);
    child.disconnect();
    expect(await survivors(() => [child.pid ?? 0], SOON)).toEqual([]);
  });

  it('says that it does not run by itself', async () => {
    const child = run(CHILD);
    let said = '';
    child.stderr?.on('data', (chunk) => (said += String(chunk)));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(2);
    expect(said).toContain('npm run demo');
  });

  it('is given to a program of another kind by preloading it', async () => {
    const args = ['--import', GUARD, '--eval', 'console.log("ready"); setInterval(() => {}, 1000)'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    started.push(child);
    await firstLine(child);
    child.disconnect();
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });
});

describe('the demo with its children', () => {
  it('stops a child, and calls that no death', async () => {
    const { children, deaths } = family();
    const child = await ready(children);
    await child.stop();
    expect(isAlive(child.pid)).toBe(false);
    await child.stop();
    expect(deaths).toEqual([]);
  });

  it('kills a child that will not stop', async () => {
    const { children, deaths } = family();
    const child = await ready(children, 'stubborn');
    await child.stop();
    expect(isAlive(child.pid)).toBe(false);
    expect(deaths).toEqual([]);
  });

  it('reports a child that ends by itself, with its last words', async () => {
    const { children, deaths } = family();
    children.start(command('failing'));
    await expect.poll(() => deaths, { timeout: SOON }).toHaveLength(1);
    const lastWords = Array.from({ length: 20 }, (_, index) => `reason ${index + 3}`);
    expect(deaths).toEqual([{ name: 'child', how: 'code 3', lastWords }]);
  });

  it('reports a child that is killed', async () => {
    const { children, deaths } = family();
    const child = await ready(children);
    process.kill(child.pid, 'SIGKILL');
    await expect.poll(() => deaths, { timeout: SOON }).toEqual([{ name: 'child', how: 'SIGKILL', lastWords: [] }]);
  });

  it('reports a child that could not be started', async () => {
    const { children, deaths } = family();
    children.start({ ...command(), cwd: '/there/is/no/such/folder' });
    await expect.poll(() => deaths, { timeout: SOON }).toHaveLength(1);
    expect(deaths[0]?.how).toContain('ENOENT');
  });

  it('stops all together, and starts none after that', async () => {
    const { children, deaths } = family();
    const pids = (await Promise.all([ready(children), ready(children, 'stubborn'), ready(children)])).map(
      ({ pid }) => pid,
    );
    const before = performance.now();
    await children.stopAll();
    expect(performance.now() - before).toBeLessThan(SOON);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(deaths).toEqual([]);
    expect(() => children.start(command())).toThrow('child is not started: the demo is ending.');
  });

  it('gives a child no environment but what the command names', async () => {
    const { children } = family();
    const lines: string[] = [];
    const args = ['--eval', 'console.log(Object.keys(process.env).sort().join(" "))'];
    children.start({ name: 'child', args, env: { ONE: '1' }, cwd: '/' }, { line: (line) => lines.push(line) });
    // Node itself adds what the IPC channel needs, and removes it again before the program runs.
    await expect.poll(() => lines, { timeout: SOON }).toEqual(['ONE']);
  });
});

describe('a process whose parent has ended', () => {
  it('notices it', async () => {
    const watching = `"${process.execPath}" "${PARENT}" watch & wait`;
    const shell = spawn('sh', ['-c', watching], { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(shell);
    const pid = Number(await firstLine(shell));
    strays.push(pid);
    expect(isAlive(pid)).toBe(true);
    shell.kill('SIGKILL');
    expect(await survivors(() => [pid], SOON)).toEqual([]);
  });

  it('notices it where the parent had ended before it looked', async () => {
    const child = run(PARENT, 'watch', '1');
    expect(await survivors(() => [child.pid ?? 0], SOON)).toEqual([]);
  });
});
