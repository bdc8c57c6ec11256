import { execFileSync } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import { failure } from '../support/failure.ts';
import { giveAway, unprivileged } from '../support/unprivileged.ts';

const BILLING = { namespace: 'billing', secret: 'billing-tokens' };
const STATE = /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\w+$/;

let root: string;
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'directory-token-store-'));
  path = join(root, 'billing', 'billing-tokens');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function modeOf(file: string): Promise<string> {
  return ((await lstat(file)).mode & 0o7777).toString(8);
}

async function currentState(): Promise<string> {
  return await readlink(join(path, '..data'));
}

describe('The layout of a token directory', () => {
  it('is that of a Secret volume', async () => {
    await createDirectoryTokenStore(root).write(BILLING, { dynamics: '1', 'dynamics.json': '2' });
    const state = await currentState();
    expect(state).toMatch(STATE);
    expect((await readdir(path)).sort()).toEqual([state, '..data', 'dynamics', 'dynamics.json'].sort());
    expect(await readlink(join(path, 'dynamics'))).toBe('..data/dynamics');
    expect(await readlink(join(path, 'dynamics.json'))).toBe('..data/dynamics.json');
    expect(await readFile(join(path, state, 'dynamics'), 'utf8')).toBe('1');
  });

  it.each([0o000, 0o022, 0o077, 0o777])('has directories 0750 and files 0640 under the umask %o', async (umask) => {
    const before = process.umask(umask);
    try {
      await createDirectoryTokenStore(join(root, 'made')).write(BILLING, { dynamics: '1' });
    } finally {
      process.umask(before);
    }
    const made = join(root, 'made', 'billing', 'billing-tokens');
    const directories = [join(root, 'made'), join(root, 'made', 'billing'), made, join(made, '..data/')];
    expect(await Promise.all(directories.map(modeOf))).toEqual(['750', '750', '750', '750']);
    expect(await modeOf(join(made, '..data/dynamics'))).toBe('640');
  });

  it('keeps the group that a set-group-ID directory hands down', async () => {
    await chmod(root, 0o2750);
    await createDirectoryTokenStore(root).write(BILLING, { dynamics: '1' });
    expect(await modeOf(path)).toBe('2750');
  });

  it('leaves the modes of directories alone that it did not make', async () => {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o700);
    await createDirectoryTokenStore(root).write(BILLING, { dynamics: '1' });
    expect(await modeOf(path)).toBe('700');
  });

  it('is left as it is where nothing changes', async () => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1', b: '2' });
    const state = await currentState();
    await store.write(BILLING, { a: '1' });
    await store.write(BILLING, { a: '1', b: '2', c: undefined });
    expect(await currentState()).toBe(state);
  });

  it('is not made for the removal of a key that was never there', async () => {
    await createDirectoryTokenStore(root).write(BILLING, { a: undefined });
    expect(await readdir(root)).toEqual([]);
  });

  it('has no link for a key that was removed, and only one state', async () => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1', b: '2' });
    await store.write(BILLING, { a: undefined });
    expect((await readdir(path)).sort()).toEqual([await currentState(), '..data', 'b'].sort());
  });
});

describe('What others put into a token directory', () => {
  it.each<[what: string, put: () => Promise<void>]>([
    ['a file', () => writeFile(join(path, 'a'), 'theirs')],
    ['a link to elsewhere', () => symlink('/etc/hostname', join(path, 'a'))],
    ['nothing', async () => {}],
  ])('is no token, and is replaced by the token: %s in the place of its link', async (_what, put) => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1', b: '2' });
    await rm(join(path, 'a'));
    await put();
    expect(await store.read(BILLING, ['a', 'b'])).toEqual({ b: '2' });
    await store.write(BILLING, { a: '1' });
    expect(await readlink(join(path, 'a'))).toBe('..data/a');
    expect(await store.read(BILLING, ['a', 'b'])).toEqual({ a: '1', b: '2' });
  });

  it("stays, where it is in nobody's way", async () => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1' });
    await writeFile(join(path, 'README'), 'theirs');
    await symlink('README', join(path, 'readme'));
    await store.write(BILLING, { a: '2' });
    expect(await readFile(join(path, 'README'), 'utf8')).toBe('theirs');
    expect(await readlink(join(path, 'readme'))).toBe('README');
  });

  it.each(['/etc', '../../elsewhere', '..gone', '.'])('is not followed: ..data that leads to %s', async (target) => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { hostname: '1' });
    await rm(join(path, '..data'));
    await symlink(target, join(path, '..data'));
    expect(await store.read(BILLING, ['hostname'])).toEqual({});
    await store.write(BILLING, { hostname: '2' });
    expect(await currentState()).toMatch(STATE);
    expect(await store.read(BILLING, ['hostname'])).toEqual({ hostname: '2' });
  });

  it.each<[what: string, put: (file: string) => Promise<unknown>]>([
    ['a symlink', (file) => symlink('/etc/hostname', file)],
    ['a directory', (file) => mkdir(file)],
    ['a FIFO', async (file) => execFileSync('mkfifo', [file])],
  ])('is neither followed nor waited for: %s within a state', async (_what, put) => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1', b: '2' });
    const file = join(path, '..data/a');
    await rm(file);
    await put(file);
    expect((await store.read(BILLING, ['a', 'b']))['a'] ?? '').toBe('');
    await store.write(BILLING, { c: '3' });
    await store.write(BILLING, { a: '1' });
    expect(await store.read(BILLING, ['a', 'b', 'c'])).toEqual({ a: '1', b: '2', c: '3' });
  });

  it('is read as far as shows that it is too long', async () => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1' });
    await writeFile(join(path, 'a'), Buffer.alloc(5_000_000, 'x'));
    expect((await store.read(BILLING, ['a']))['a']).toHaveLength(64 * 1024 + 1);
  });
});

describe('What a killed process left', () => {
  async function leave(age: number): Promise<void> {
    await mkdir(join(path, '..2020_01_01_00_00_00.left'), { recursive: true });
    await writeFile(join(path, '..2020_01_01_00_00_00.left', 'a'), 'half');
    await symlink('..2020_01_01_00_00_00.left', join(path, '..data_tmp'));
    const time = (Date.now() - age) / 1000;
    await utimes(join(path, '..2020_01_01_00_00_00.left'), time, time);
  }
  const later = { clock: { now: () => Date.now() + 11_000 } };

  it('is removed by the next write', async () => {
    await createDirectoryTokenStore(root).write(BILLING, { a: '1' });
    await leave(60_000);
    await createDirectoryTokenStore(root, later).write(BILLING, { a: '2' });
    expect((await readdir(path)).sort()).toEqual([await currentState(), '..data', 'a'].sort());
  });

  it('is removed by a write that changes nothing', async () => {
    await createDirectoryTokenStore(root).write(BILLING, { a: '1' });
    await leave(60_000);
    await createDirectoryTokenStore(root, later).write(BILLING, { a: '1' });
    expect((await readdir(path)).sort()).toEqual([await currentState(), '..data', 'a'].sort());
  });

  it('is removed where there never was a state', async () => {
    await leave(60_000);
    const store = createDirectoryTokenStore(root, later);
    expect(await store.read(BILLING, ['a'])).toEqual({});
    await store.write(BILLING, { a: '1' });
    expect((await readdir(path)).sort()).toEqual([await currentState(), '..data', 'a'].sort());
  });

  it('stays for ten seconds, because another process may be about to use it', async () => {
    await leave(5000);
    await createDirectoryTokenStore(root).write(BILLING, { a: '1' });
    expect(await readdir(path)).toContain('..2020_01_01_00_00_00.left');
  });
});

describe('An unusable token directory', () => {
  it.each([
    ['..', 'billing-tokens', 'a'],
    ['billing', '../billing', 'a'],
    ['billing', 'a/b', 'a'],
    ['Billing', 'billing-tokens', 'a'],
    ['billing', '', 'a'],
    ['billing', `a${'b'.repeat(63)}`, 'a'],
    ['billing', 'billing-tokens', '..data'],
    ['billing', 'billing-tokens', '../a'],
    ['billing', 'billing-tokens', 'a/b'],
    ['billing', 'billing-tokens', '.'],
    ['billing', 'billing-tokens', ''],
    ['billing', 'billing-tokens', 'a\u0000'],
    ['billing', 'billing-tokens', 'a\nb'],
  ])('is rejected by its name: %j/%j with the key %j', async (namespace, secret, key) => {
    const store = createDirectoryTokenStore(root);
    for (const call of [
      () => store.read({ namespace, secret }, [key]),
      () => store.write({ namespace, secret }, { [key]: '1' }),
    ]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).permanent).toBe(true);
    }
    expect(await readdir(root)).toEqual([]);
  });

  it('says that a file is in its way', async () => {
    await mkdir(join(root, 'billing'));
    await writeFile(path, '');
    const store = createDirectoryTokenStore(root);
    for (const call of [() => store.read(BILLING, ['a']), () => store.write(BILLING, { a: '1' })]) {
      const error = await failure(call());
      expect(error).toMatchObject({ name: 'StoreError', permanent: true });
      expect(messageOf(error)).toContain(path);
      expect(messageOf(error)).toContain('move away what is in the place of this one');
    }
  });

  it('says who needs which permission for writing, and leaves the old token', async () => {
    await createDirectoryTokenStore(root).write(BILLING, { a: '1' });
    for (const directory of [root, join(root, 'billing'), path, join(path, '..data/')]) await chmod(directory, 0o555);
    await chmod(join(path, 'a'), 0o644);
    const { error } = await unprivileged('write tokens', root);
    expect(error).toMatchObject({ name: 'StoreError', permanent: true });
    expect(error?.message).toMatch(/^The token directory .*billing-tokens cannot be written: permission is denied/);
    expect(error?.message).toContain(path);
    expect(error?.message).toMatch(/Give the user of this process \(uid \d+\) access to it\.$/);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('1');
  });

  it('says who needs which permission for reading', async () => {
    await createDirectoryTokenStore(root).write(BILLING, { a: '1' });
    for (const directory of [root, join(root, 'billing'), path]) await chmod(directory, 0o755);
    await chmod(join(path, '..data/a'), 0o000);
    await chmod(join(path, '..data/'), 0o755);
    const { error } = await unprivileged('read tokens', root);
    expect(error).toMatchObject({ name: 'StoreError', permanent: true });
    expect(error?.message).toMatch(/cannot be read: permission is denied \(EACCES\)/);
  });

  it("copies the keys to keep where they are another user's", async () => {
    await createDirectoryTokenStore(root).write(BILLING, { b: 'kept' });
    for (const directory of [root, join(root, 'billing'), path, join(path, '..data/')]) await giveAway(directory);
    await chmod(join(path, '..data/b'), 0o644);
    expect(await unprivileged('write tokens', root)).toEqual({});
    expect((await unprivileged('read tokens', root)).value).toEqual({ a: 'new', b: 'kept' });
    expect(await modeOf(join(path, '..data/b'))).toBe('640');
  });
});

describe('A token directory that somebody else controls', () => {
  const GROUP = 22_002;

  it.each([
    ['the root', '', 0o2770, 'can be written by its group (mode 2770)'],
    ['the root', '', 0o1777, 'can be written by every user (mode 1777)'],
    ['the namespace', 'billing', 0o775, 'can be written by its group (mode 0775)'],
    ['the Secret', 'billing/billing-tokens', 0o707, 'can be written by every user (mode 0707)'],
  ])('is not written: %s, %s with mode %o', async (_what, below, mode, said) => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1' });
    await chmod(join(root, below), mode);
    const error = await failure(store.write(BILLING, { a: '2' }));
    expect(error).toMatchObject({ name: 'StoreError', permanent: true });
    expect(messageOf(error)).toContain(`The token directory ${join(root, below)}`.replace(/\/$/, ''));
    expect(messageOf(error)).toContain(said);
    expect(messageOf(error)).toContain('chmod go-w');
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('1');
  });

  it.runIf(process.getuid?.() === 0)('is not written where it belongs to another user', async () => {
    const store = createDirectoryTokenStore(root);
    await store.write(BILLING, { a: '1' });
    await giveAway(path);
    const error = await failure(store.write(BILLING, { a: '2' }));
    expect(error).toMatchObject({ name: 'StoreError', permanent: true });
    expect(messageOf(error)).toContain('belongs to the user 65534');
  });

  it('moves no credential to where clients read, however its ..data was planted', async () => {
    const credential = join(root, 'credential');
    await mkdir(credential, { recursive: true });
    await writeFile(join(credential, 'client_secret'), 'of nobody else');
    await mkdir(path, { recursive: true, mode: 0o750 });
    await symlink(credential, join(path, '..2026_planted'));
    await symlink('..2026_planted', join(path, '..data'));
    const store = createDirectoryTokenStore(root);
    expect(await store.read(BILLING, ['client_secret'])).toEqual({});
    await store.write(BILLING, { a: '1' });
    expect(await readdir(join(path, '..data/'))).toEqual(['a']);
    expect(await readFile(join(credential, 'client_secret'), 'utf8')).toBe('of nobody else');
  });

  it.runIf(process.getuid?.() === 0)(
    'carries nothing of a state that another user made or could write to',
    async () => {
      for (const change of [
        (state: string) => giveAway(state),
        (state: string) => chown(state, 0, GROUP).then(() => chmod(state, 0o2770)),
      ]) {
        const store = createDirectoryTokenStore(root);
        await store.write(BILLING, { a: '1', b: '1' });
        await change(join(path, await currentState()));
        await store.write(BILLING, { a: '2' });
        expect(await store.read(BILLING, ['a', 'b'])).toEqual({ a: '2' });
      }
    },
  );
});

describe('A token directory next to name lookups that hang', () => {
  /** Takes every thread of the pool for a while, as lookups do that nobody answers; counts those that are free again. */
  function takeAllThreads(): { free: number; readonly over: Promise<unknown> } {
    const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
    const pool = { free: 0, over: Promise.resolve() as Promise<unknown> };
    const work = Array.from({ length: threads }, async () => {
      await new Promise((resolve) => pbkdf2('password', 'salt', 400_000, 64, 'sha512', resolve));
      pool.free += 1;
    });
    pool.over = Promise.all(work);
    return pool;
  }

  it('is written and read without waiting for them', async () => {
    const store = createDirectoryTokenStore(root);
    const pool = takeAllThreads();
    await store.write(BILLING, { dynamics: '1', 'dynamics.json': '2' });
    await store.write(BILLING, { dynamics: '3' });
    expect(await store.read(BILLING, ['dynamics', 'dynamics.json'])).toEqual({ dynamics: '3', 'dynamics.json': '2' });
    expect(pool.free).toBe(0);
    await pool.over;
  });
});
