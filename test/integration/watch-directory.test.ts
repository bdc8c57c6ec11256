import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WatchFunction, type WatchOptions, watchDirectory } from '../../src/adapters/fs/watch-directory.ts';
import { AtomicWriter } from '../support/atomic-writer.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { giveAway, unprivileged } from '../support/unprivileged.ts';

const POLL = 100;
/** No poll comes to the aid of the watch in the time of a test. */
const NO_POLL = 60_000;

let directory: ReturnType<typeof temporaryDirectory>;
const stops: (() => void)[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  directory.remove();
});

const silent: WatchFunction = () => () => {};
const exhausted: WatchFunction = () => {
  throw Object.assign(new Error('no more watches'), { code: 'EMFILE' });
};

class Watched {
  calls = 0;

  constructor(path: string, options: WatchOptions) {
    stops.push(
      watchDirectory(
        path,
        () => {
          this.calls += 1;
        },
        options,
      ),
    );
  }

  /** Waits until there was one more call, and then for further ones that there should not be. */
  async once(within = 2000): Promise<void> {
    const before = this.calls;
    const deadline = performance.now() + within;
    while (this.calls === before && performance.now() < deadline) await pause(5);
    await pause(60);
    expect(this.calls - before).toBe(1);
  }

  async never(during = 150): Promise<void> {
    const before = this.calls;
    await pause(during);
    expect(this.calls - before).toBe(0);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const watched = (options: WatchOptions = {}, path = directory.path): Watched =>
  new Watched(path, { poll: NO_POLL, ...options });

describe('a volume as the kubelet mounts it', () => {
  it('is called back for once a swap, swap after swap', async () => {
    const writer = new AtomicWriter(directory.path);
    writer.write({ token: 'a', other: 'a' });
    const watching = watched();
    for (const value of ['b', 'c', 'd', 'e', 'f']) {
      writer.write({ token: value, other: value });
      await watching.once();
    }
  });

  it('is called back for in the event of the swap, if its reader resolves ..data', () => {
    let heard: (name: string | null) => void = () => {};
    const watch: WatchFunction = (_, tell) => {
      heard = tell;
      return () => {};
    };
    const watching = watched({ watch, swapsImmediately: true });
    const gathering = watched({ watch, swapsImmediately: true });
    new AtomicWriter(directory.path).write({ token: 'a' });
    // The second watch is the one that hears.
    heard('..data_tmp');
    expect(gathering.calls).toBe(0);
    heard('..data');
    expect([watching.calls, gathering.calls]).toEqual([0, 1]);
  });

  it('is called back for once a swap without gathering, too', async () => {
    const writer = new AtomicWriter(directory.path);
    writer.write({ token: 'a' });
    const watching = watched({ swapsImmediately: true });
    for (const value of ['b', 'c', 'd', 'e', 'f']) {
      writer.write({ token: value, other: value });
      await watching.once();
    }
  });

  it('is called back for though only other entries were asked for', async () => {
    const writer = new AtomicWriter(directory.path);
    const watching = watched({ only: (name) => name === 'other' });
    writer.write({ token: 'a' });
    await watching.once();
  });

  it.each<[string, WatchFunction]>([
    ['watches are silent', silent],
    ['watches are exhausted', exhausted],
  ])('is polled where %s', async (_, watch) => {
    const writer = new AtomicWriter(directory.path);
    writer.write({ token: 'a' });
    const watching = watched({ watch, poll: POLL });
    await watching.never(2 * POLL);
    for (const value of ['b', 'c']) {
      writer.write({ token: value });
      await watching.once(10 * POLL);
    }
  });

  it('is polled every two seconds by default', async () => {
    const writer = new AtomicWriter(directory.path);
    const watching = new Watched(directory.path, { watch: silent });
    writer.write({ token: 'a' });
    await watching.never(500);
    await watching.once(20_000);
  });
});

describe('a plain directory', () => {
  const changes: [string, (path: string) => void][] = [
    ['a new entry', (path) => writeFileSync(join(path, 'new'), '1')],
    ['another content', (path) => writeFileSync(join(path, 'old'), 'longer')],
    ['another content of the same size', (path) => writeFileSync(join(path, 'old'), '2')],
    ['an entry that is gone', (path) => unlinkSync(join(path, 'old'))],
    [
      'an entry that was swapped for another',
      (path) => {
        writeFileSync(join(path, '..tmp'), '1');
        renameSync(join(path, '..tmp'), join(path, 'old'));
      },
    ],
    ['a link', (path) => symlinkSync('old', join(path, 'link'))],
  ];

  it.each(changes)('is called back for once: %s', async (_, change) => {
    writeFileSync(join(directory.path, 'old'), '1');
    const watching = watched();
    await watching.never(50);
    change(directory.path);
    await watching.once();
  });

  it.each(changes)('is called back for once by the poll: %s', async (_, change) => {
    writeFileSync(join(directory.path, 'old'), '1');
    const watching = watched({ watch: silent, poll: POLL });
    await pause(20);
    change(directory.path);
    await watching.once();
  });

  it('is called back for where a time stamp was set back', async () => {
    const file = join(directory.path, 'old');
    writeFileSync(file, '1');
    const stamp = new Date(1_000_000);
    utimesSync(file, stamp, stamp);
    const watching = watched({ watch: silent, poll: POLL });
    writeFileSync(file, '2');
    utimesSync(file, stamp, stamp);
    await watching.once();
  });

  it('is called back only for entries that count', async () => {
    const watching = [watched, watched].map((make, at) =>
      make({ only: (name) => name === 'wanted', ...(at === 1 && { watch: silent, poll: POLL }) }),
    );
    writeFileSync(join(directory.path, 'unwanted'), '1');
    await Promise.all(watching.map((each) => each.never(3 * POLL)));
    writeFileSync(join(directory.path, 'wanted'), '1');
    await Promise.all(watching.map((each) => each.once()));
  });

  it('is called back for what a custom signature shows', async () => {
    let signature = 'a';
    const watching = watched({ signature: () => signature, poll: POLL });
    await watching.never(2 * POLL);
    signature = 'b';
    await watching.once();
  });

  it('survives a signature that fails', async () => {
    let fails = true;
    const watching = watched({
      signature() {
        if (fails) throw new Error('not now');
        return 'well';
      },
      poll: POLL,
    });
    await watching.never(2 * POLL);
    fails = false;
    await watching.once();
  });
});

describe('a directory that comes and goes', () => {
  it('is found when it appears, and watched from then on', async () => {
    const path = join(directory.path, 'later');
    const watching = watched({ poll: POLL }, path);
    mkdirSync(path);
    await watching.once();
    writeFileSync(join(path, 'token'), 'a');
    await watching.once();
  });

  it('is found again when another one takes its place', async () => {
    const path = join(directory.path, 'replaced');
    new AtomicWriter(path).write({ token: 'a' });
    const watching = watched({ poll: POLL }, path);
    renameSync(path, `${path}.old`);
    new AtomicWriter(path).write({ token: 'b', new: 'b' });
    await pause(3 * POLL);
    expect(watching.calls).toBeGreaterThanOrEqual(1);
    new AtomicWriter(path).write({ token: 'c', new: 'c', newer: 'c' });
    await pause(3 * POLL);
    const { calls } = watching;
    expect(calls).toBeGreaterThanOrEqual(2);
    rmSync(path, { recursive: true });
    await pause(3 * POLL);
    expect(watching.calls).toBeGreaterThan(calls);
  });

  it('is found again after there was a link to itself in its place', async () => {
    const path = join(directory.path, 'looped');
    symlinkSync('looped', path);
    const watching = watched({ poll: POLL }, path);
    await watching.never(3 * POLL);
    unlinkSync(path);
    mkdirSync(path);
    await watching.once();
    rmSync(path, { recursive: true });
    symlinkSync('looped', path);
    await watching.once();
  });

  it('is called back for when the directory above it is closed, and when it is opened again', async () => {
    const path = join(directory.path, 'above', 'watched');
    mkdirSync(path, { recursive: true });
    await giveAway(directory.path);
    await giveAway(join(directory.path, 'above'));
    const { value } = await unprivileged('watch a directory that is closed and opened', path);
    expect(value).toBeGreaterThanOrEqual(2);
  });
});

describe('a watch', () => {
  it('is tried again after it failed', async () => {
    let failing: () => void = () => {};
    let opened = 0;
    let tell: (name: string | null) => void = () => {};
    const watch: WatchFunction = (_, heard, failed) => {
      opened += 1;
      tell = heard;
      failing = failed;
      return () => {};
    };
    const watching = watched({ watch, poll: POLL });
    failing();
    await pause(3 * POLL);
    expect(opened).toBe(2);
    tell(null);
    await watching.once();
  });

  it('gathers what it hears together into one call', async () => {
    let tell: (name: string | null) => void = () => {};
    const watch: WatchFunction = (_, heard) => {
      tell = heard;
      return () => {};
    };
    const watching = watched({ watch });
    for (const name of ['token', null, '..data', 'token']) tell(name);
    await watching.once();
    for (const name of ['..2026_01_01', '..data_tmp']) tell(name);
    await watching.never();
  });

  it('says nothing after it was stopped, not even what it has heard', async () => {
    let calls = 0;
    const stop = watchDirectory(
      directory.path,
      () => {
        calls += 1;
      },
      { poll: 20 },
    );
    writeFileSync(join(directory.path, 'token'), 'a');
    stop();
    stop();
    await pause(100);
    writeFileSync(join(directory.path, 'token'), 'b');
    await pause(100);
    expect(calls).toBe(0);
  });
});
