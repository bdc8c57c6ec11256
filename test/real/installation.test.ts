import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../support/failure.ts';
import { isAlive, survivors } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { guardedSpawn } from './guarded-spawn.ts';
import { cacheFolder, installOnce } from './install/cache.ts';
import { type Machine, needPackages } from './install/debian.ts';
import { withLock } from './install/lock.ts';
import { NotAvailable } from './install/not-available.ts';
import { CommandFailed, isOnPath, run, runToItsEnd } from './install/run.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));

let folder: ReturnType<typeof temporaryDirectory>;
const started: ChildProcess[] = [];
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  folder.remove();
});

/** Its own process; resolves with its first line. */
async function start(name: string, ...args: string[]): Promise<{ child: ChildProcess; line: string }> {
  // What it leaves behind when it is killed is removed with the folder.
  const env = { ...process.env, TMPDIR: folder.path };
  const child = spawn(process.execPath, [fixture(name), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, line };
}

describe('the cache of real parts', () => {
  it.each([
    ['is where XDG_CACHE_HOME says', { XDG_CACHE_HOME: '/caches', HOME: '/home/ada' }, '/caches/token-acquirer'],
    ['is in the home folder else', { HOME: '/home/ada' }, '/home/ada/.cache/token-acquirer'],
    ['takes no relative path', { XDG_CACHE_HOME: 'here', HOME: '/home/ada' }, '/home/ada/.cache/token-acquirer'],
  ])('%s', (_, environment, expected) => {
    expect(cacheFolder(environment)).toBe(expected);
  });

  const recipe = (build: (folder: string) => Promise<void>) => ({
    name: 'quux-7-1',
    cache: folder.path,
    build,
    tell: () => {},
  });

  it('has a part built once, however many ask for it', async () => {
    let builds = 0;
    const build = async (into: string): Promise<void> => {
      builds += 1;
      await pause(100);
      writeFileSync(join(into, 'quux'), 'built');
    };
    const folders = await Promise.all(Array.from({ length: 5 }, () => installOnce(recipe(build))));
    folders.push(await installOnce(recipe(build)));
    expect(new Set(folders)).toEqual(new Set([join(folder.path, 'quux-7-1')]));
    expect(readFileSync(join(folder.path, 'quux-7-1', 'quux'), 'utf8')).toBe('built');
    expect(builds).toBe(1);
  });

  it('shows a part only when it is complete', async () => {
    const build = async (into: string): Promise<void> => {
      writeFileSync(join(into, 'first'), '');
      expect(existsSync(join(folder.path, 'quux-7-1'))).toBe(false);
      writeFileSync(join(into, 'last'), '');
    };
    expect(readdirSync(await installOnce(recipe(build)))).toEqual(['first', 'last']);
  });

  it('keeps nothing of a build that failed, and has it built at the next call', async () => {
    const broken = recipe(async (into) => {
      writeFileSync(join(into, 'half'), '');
      throw new Error('The line is dead.');
    });
    expect(await failure(installOnce(broken))).toEqual(new Error('The line is dead.'));
    expect(readdirSync(folder.path)).toEqual([]);
    expect(readdirSync(await installOnce(recipe(async () => {})))).toEqual([]);
  });

  it('clears away what a killed builder left, and no other part', async () => {
    for (const left of ['.quux-7-1-abc123', '.other-1-abc123'])
      mkdirSync(join(folder.path, left, 'inside'), { recursive: true });
    await installOnce(recipe(async () => {}));
    expect(readdirSync(folder.path).toSorted()).toEqual(['.other-1-abc123', 'quux-7-1']);
  });
});

describe('the lock of an installation', () => {
  it('lets one task at a time run under a name', async () => {
    let [running, most] = [0, 0];
    const task = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await pause(20);
      running -= 1;
    };
    await Promise.all(Array.from({ length: 4 }, () => withLock(folder.path, task)));
    expect(most).toBe(1);
  });

  it('lets tasks of other names run in the meantime', async () => {
    const inner = withLock(folder.path, () => withLock(`${folder.path}/other`, async () => 'both'));
    expect(await inner).toBe('both');
  });

  it('is free after a task that failed', async () => {
    await failure(withLock(folder.path, () => Promise.reject(new Error('no'))));
    expect(await withLock(folder.path, async () => 'free')).toBe('free');
  });

  it('keeps another process out, and is free as soon as its holder is killed', async () => {
    const { child, line } = await start('lock-holder', folder.path);
    expect(line).toBe('held');
    let waits = 0;
    let done = false;
    const task = withLock(folder.path, async () => void (done = true), { onWait: () => void (waits += 1) });
    await pause(600);
    expect([waits, done]).toEqual([1, false]);
    child.kill('SIGKILL');
    await task;
    expect([waits, done]).toEqual([1, true]);
  });
});

describe('a package that a part needs', () => {
  let installed: boolean;
  let asked: string[];
  beforeEach(() => {
    installed = false;
    asked = [];
  });
  const need = {
    part: 'Quux 7',
    missing: 'quux',
    packages: ['quux-bin', 'libquux'],
    present: () => installed,
  };
  const command = 'sudo apt-get install --yes --no-install-recommends quux-bin libquux';

  function machine(given: Partial<Machine> = {}, ...failures: string[]): Machine {
    return {
      hasApt: true,
      isRoot: true,
      pause: async () => {},
      tell: () => {},
      async aptGet(args) {
        asked.push(args.join(' '));
        const refusal = failures.shift();
        if (refusal !== undefined) throw new CommandFailed(`apt-get ${args[0]}`, 'ended with code 100', refusal);
        if (args[0] === 'install') installed = true;
      },
      ...given,
    };
  }
  const install = 'install --yes --no-install-recommends quux-bin libquux';

  it('is not installed where it exists', async () => {
    installed = true;
    await needPackages(need, machine());
    expect(asked).toEqual([]);
  });

  it('is installed without recommended packages', async () => {
    await needPackages(need, machine());
    expect(asked).toEqual([install]);
  });

  it('is tried again with new lists', async () => {
    await needPackages(need, machine({}, 'E: Unable to locate package quux-bin'));
    expect(asked).toEqual([install, 'update', install]);
  });

  it('waits for anyone else who is installing', async () => {
    await needPackages(need, machine({}, 'E: Could not get lock /var/lib/apt/lists/lock.'));
    expect(asked).toEqual([install, install]);
  });

  it.each<[string, () => Machine, string]>([
    ['there is no apt-get', () => machine({ hasApt: false }), 'quux is missing, and there is no apt-get'],
    ['nobody may install it', () => machine({ isRoot: false }), 'quux is missing, and only root can install it'],
    [
      'apt-get fails',
      () => machine({}, 'E: no', 'E: still no\nE: the line is dead'),
      'apt-get update ended with code 100 and said last: E: still no E: the line is dead',
    ],
    [
      'it does not bring what it should',
      () => machine({ aptGet: async () => {} }),
      'quux-bin, libquux did not bring quux',
    ],
  ])('is reported in a sentence, with the command that would help, where %s', async (_, given, why) => {
    const error = await failure(needPackages(need, given()));
    expect(error).toBeInstanceOf(NotAvailable);
    expect((error as NotAvailable).message).toBe(
      `Quux 7 cannot be had here, so its tests are skipped: ${why}. To have them run: ${command}`,
    );
  });
});

describe('a part that cannot be had', () => {
  const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

  it.each([
    ['skips its tests and says why', {}, '1 passed, 0 failed, 2 skipped'],
    ['fails them in CI', { CI: 'true' }, '1 passed, 2 failed, 0 skipped'],
  ])('%s', async (_, more, closing) => {
    const { CI: __, ...environment } = process.env;
    const args = [VITEST, 'run', '--config', 'test/fixtures/runs/vitest.config.ts', '/missing-part.fixture'];
    const env = { ...environment, NO_COLOR: '1', ...more };
    const stdout = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, { env }, (_error, text) => resolve(text));
    });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(closing);
    expect(stdout).toContain(
      'Quux 7 cannot be had here, so its tests are skipped: quux is missing. To have them run: sudo apt-get install quux',
    );
  });
});

describe('a command that the tests run', () => {
  const sh = (script: string) => ({ label: 'a script', command: '/bin/sh', args: ['-c', script] });

  it('gives all that it wrote', async () => {
    expect(await run(sh('echo one; echo two >&2'))).toMatch(/^(?:one\ntwo|two\none)\n$/);
  });

  it('is reported by its last words where it fails', async () => {
    const error = await failure(run(sh('echo a; echo b; echo c; echo d; exit 3')));
    expect(error).toEqual(new CommandFailed('a script', 'ended with code 3', 'a\nb\nc\nd\n'));
    expect((error as Error).message).toBe('a script ended with code 3 and said last: b c d');
  });

  it('is reported by its last words where it must not be interrupted', async () => {
    expect(await runToItsEnd(sh('echo one; echo two >&2'))).toBe('one\ntwo\n');
    const error = await failure(runToItsEnd(sh('echo a; exit 3')));
    expect(error).toEqual(new CommandFailed('a script', 'ended with code 3', 'a\n'));
  });

  it('goes on when the process of the tests is killed, where it must not be interrupted', async () => {
    const { child, line } = await start('guarding-parent', join(folder.path, 'pids'));
    const pids = line.split(' ').map(Number);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await pause(500);
    expect(pids.filter(isAlive)).toEqual(pids);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  });

  it('is ended where it does not end by itself', async () => {
    const error = await failure(run(sh('echo $$; sleep 600'), 300));
    expect(error).toBeInstanceOf(CommandFailed);
    expect((error as Error).message).toContain('a script took more than 0.3 s');
    const pid = Number((error as CommandFailed).output);
    expect(await survivors(() => [pid], 5000)).toEqual([]);
  });

  it.each([
    ['sh', true],
    ['no-such-program', false],
  ])('%s is looked for on the path', async (name, there) => {
    expect(await isOnPath(name)).toBe(there);
  });

  it('leaves nobody behind when it ends', async () => {
    const child = guardedSpawn(sh('sleep 600 & echo $!'));
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    expect(await survivors(() => [Number(line)], 5000)).toEqual([]);
  });

  it('ends with all that it started when the process of the tests is killed', async () => {
    const { child, line } = await start('guarding-parent');
    const pids = line.split(' ').map(Number);
    expect(pids.filter(isAlive)).toHaveLength(2);
    child.kill('SIGKILL');
    // It ignores SIGTERM, and gets SIGKILL two seconds later.
    expect(await survivors(() => pids, 15_000)).toEqual([]);
  });
});
