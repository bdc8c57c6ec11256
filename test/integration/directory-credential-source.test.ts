import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryCredentialSource } from '../../src/adapters/fs/directory-credential-source.ts';
import type { WatchFunction } from '../../src/adapters/fs/watch-directory.ts';
import type { CredentialKey } from '../../src/core/credential.ts';
import type { CredentialLack } from '../../src/core/credential-needs.ts';
import { messageOf, UsageError } from '../../src/core/errors.ts';
import type { CredentialSource } from '../../src/ports/credential-source.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';
import { unprivileged } from '../support/unprivileged.ts';

const MOUNTER = join(import.meta.dirname, '../fixtures/secret-mounter.ts');

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'directory-credential-source-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

function put(file: string, content: string | Buffer): string {
  const path = join(root, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function valueOf(key: CredentialKey): Promise<string | undefined> {
  return (await createDirectoryCredentialSource(root).read('dynamics')).values[key]?.reveal();
}

async function refusal(credential = 'dynamics'): Promise<string> {
  const error = await failure(createDirectoryCredentialSource(root).read(credential));
  expect(error).toBeInstanceOf(UsageError);
  expect(messageOf(error)).toMatch(/\.$/);
  return messageOf(error);
}

describe('The text of a value', () => {
  const value = secret('password');

  it.each<[what: string, content: string | Buffer, read: string]>([
    ['as it is', value, value],
    ['without the line break that an editor adds', `${value}\n`, value],
    ['without the line break of Windows', `${value}\r\n`, value],
    ['without a byte order mark', `\uFEFF${value}`, value],
    ['with the blanks around it', ` ${value} `, ` ${value} `],
    ['of 64 KiB', 'x'.repeat(64 * 1024), 'x'.repeat(64 * 1024)],
  ])('is read %s', async (_what, content, read) => {
    put('dynamics/password', content);
    expect(await valueOf('password')).toBe(read);
  });

  it.each<[what: string, content: string | Buffer, said: RegExp]>([
    ['nothing', '', /is empty\. Write the value into it/],
    ['only a line break', '\n', /is empty/],
    ['only blanks', ' \t ', /is empty/],
    ['a NUL', `${value}\0`, /is binary\. Write the value into it as UTF-8 text/],
    ['UTF-16', Buffer.from(`\uFEFF${value}`, 'utf16le'), /is binary/],
    ['bytes that are not UTF-8', Buffer.from([0x70, 0xff, 0xfe]), /is binary/],
    ['two line breaks at the end', `${value}\n\n`, /has more than one line\. Write only the value into it/],
    ['two lines', `${value}\n${value}`, /has more than one line/],
    ['an escape sequence', `${value}\u001B[0m`, /contains a control character/],
    ['a tab', `${value}\t`, /contains a control character/],
    ['a control character of eight bits', `${value}\u0085`, /contains a control character/],
    ['64 KiB and a byte', Buffer.alloc(64 * 1024 + 1, 'x'), /is larger than 64 KiB/],
    ['10 MB', Buffer.alloc(10_000_000, 'x'), /is larger than 64 KiB/],
  ])('is rejected where it has %s, by the name of its file and without itself', async (_what, content, said) => {
    const path = put('dynamics/password', content);
    const message = await refusal();
    expect(message).toContain(`The file ${path} `);
    expect(message).toMatch(said);
    expect(message).not.toContain(value);
  });

  it.each<[key: CredentialKey, open: boolean]>([
    ['client_secret', true],
    ['password', true],
    ['private_key', true],
    ['refresh_token', true],
    ['client_id', false],
    ['username', false],
    ['certificate', false],
  ])('that every user of the machine can read is rejected where it is secret: %s, %s', async (key, rejected) => {
    const path = put(`dynamics/${key}`, value);
    for (const folder of [root, join(root, 'dynamics')]) chmodSync(folder, 0o755);
    chmodSync(path, 0o644);
    if (!rejected) return expect(await valueOf(key)).toBe(value);
    expect(await refusal()).toBe(
      `The file ${path} can be read by every user of this machine (mode 0644). Run: chmod o-r ${path}. Where it is mounted, mount it with the mode 0440.`,
    );
    // A closed folder above closes the file, too.
    chmodSync(root, 0o700);
    expect(await valueOf(key)).toBe(value);
  });

  it('may be readable for all in a Secret volume, whose files have mode 0644 by default', async () => {
    put('dynamics/..2026_11_29/password', value);
    symlinkSync('..2026_11_29', join(root, 'dynamics', '..data'));
    symlinkSync('..data/password', join(root, 'dynamics', 'password'));
    for (const folder of [root, join(root, 'dynamics'), join(root, 'dynamics/..2026_11_29')]) chmodSync(folder, 0o755);
    chmodSync(join(root, 'dynamics/password'), 0o644);
    expect(await valueOf('password')).toBe(value);
  });

  it('may have lines in PEM, but nothing else that is invisible', async () => {
    const pem = `-----BEGIN PRIVATE KEY-----\r\n${value}\r\n-----END PRIVATE KEY-----`;
    put('dynamics/private_key', `${pem}\r\n`);
    expect(await valueOf('private_key')).toBe(pem);
    put('dynamics/private_key', `${pem}\u0007`);
    expect(await refusal()).toContain('control character');
  });
});

describe('A file of another kind', () => {
  it.each<[what: string, make: (path: string) => unknown, said: RegExp]>([
    ['a folder', (path) => mkdirSync(path), /password is no file\. Put a file with the value in its place/],
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), /password is no file/],
    ['a link to nowhere', (path) => symlinkSync('gone', path), /holds a link that leads nowhere/],
    ['a link to itself', (path) => symlinkSync('password', path), /password cannot be read \(ELOOP\)/],
  ])('is rejected: %s', async (_what, make, said) => {
    mkdirSync(join(root, 'dynamics'));
    make(join(root, 'dynamics/password'));
    expect(await refusal()).toMatch(said);
  });

  it('is read where it is a link to a file, as of Docker secrets', async () => {
    const value = secret('password');
    put('elsewhere', value);
    mkdirSync(join(root, 'dynamics'));
    symlinkSync('../elsewhere', join(root, 'dynamics/password'));
    expect(await valueOf('password')).toBe(value);
  });

  it('says which user lacks permission for reading a file', async () => {
    const path = put('dynamics/password', secret('password'));
    chmodSync(root, 0o755);
    chmodSync(path, 0o600);
    const { error } = await unprivileged('read a credential', root);
    if (process.getuid?.() !== 0) chmodSync(path, 0o000);
    expect(error?.name).toBe('UsageError');
    expect(error?.message).toMatch(
      /^The file .*\/dynamics\/password cannot be read \(EACCES\)\. Let the user of this process \(uid \d+\) read it\.$/,
    );
  });

  it('says which user lacks permission for reading a folder', async () => {
    put('dynamics/password', secret('password'));
    chmodSync(root, 0o755);
    chmodSync(join(root, 'dynamics'), 0o000);
    const { error } = await unprivileged('read a credential', root);
    chmodSync(join(root, 'dynamics'), 0o700);
    expect(error?.name).toBe('UsageError');
    expect(error?.message).toMatch(/^The folder .*\/dynamics cannot be read \(EACCES\)\. Let the user/);
  });
});

describe('An incomplete credential', () => {
  const lacks: CredentialLack[] = [];
  const options = {
    explain: (lack: CredentialLack) => `Explained ${lacks.push(lack)}.`,
    origin: (credential: string, of: string) => `Change the ${of} of ${credential}.`,
  };

  async function message(act: (source: CredentialSource) => Promise<unknown>): Promise<string> {
    lacks.splice(0);
    const error = await failure(act(createDirectoryCredentialSource(root, options)));
    expect(error).toBeInstanceOf(UsageError);
    return messageOf(error);
  }

  it.each<[string, readonly string[], Partial<CredentialLack>]>([
    ['that is missing', [], { lacks: 'folder', keys: ['client_id', 'password'], found: 'Existing folders: orders.' }],
    ['that is empty', ['interval'], { lacks: 'all', keys: ['client_id', 'password'], found: '' }],
    [
      'with other files',
      ['token'],
      { lacks: 'all', keys: ['client_id', 'password'], found: 'It holds nothing that is read, only token.' },
    ],
    ['without a needed key', ['client_id', 'username'], { lacks: 'keys', keys: ['password'], found: '' }],
  ])('%s is explained by who made the source', async (_what, files, expected) => {
    put('orders/client_id', 'x');
    for (const file of files) put(`dynamics/${file}`, '10m');
    expect(await message((source) => source.read('dynamics', ['client_id', 'password']))).toBe('Explained 1.');
    expect(lacks).toEqual([{ credential: 'dynamics', folder: join(root, 'dynamics'), ...expected }]);
  });

  it.each<[string, string, (source: CredentialSource) => Promise<unknown>, string]>([
    [
      'a name',
      'clientId',
      (source) => source.read('dynamics', ['client_id']),
      'Rename it to client_id. Change the values',
    ],
    ['a value', 'client_id', (source) => source.read('dynamics', ['client_id']), 'Change the values of dynamics.'],
    ['an interval', 'interval', (source) => source.interval('dynamics'), 'Change the interval of dynamics.'],
  ])('has a sentence about where to change %s that is wrong', async (_what, file, act, sentence) => {
    put(`dynamics/${file}`, '\u0001');
    expect(await message(act)).toContain(sentence);
    expect(lacks).toEqual([]);
  });
});

describe('A credential folder', () => {
  it('is rejected with the names of the other folders where it is missing', async () => {
    put('billing/username', 'ann');
    put('orders/username', 'ann');
    expect(await refusal()).toBe(
      `There is no credential folder ${join(root, 'dynamics')}. Existing folders: billing, orders. Create it, or correct the name.`,
    );
  });

  it('is missed in an empty directory, and in a missing one', async () => {
    expect(await refusal()).toContain(`${root} is empty.`);
    rmSync(root, { recursive: true });
    expect(await refusal()).toContain(`There is no credentials directory ${root}.`);
  });

  it('is no file', async () => {
    put('dynamics', 'client_id');
    expect(await refusal()).toContain(`${join(root, 'dynamics')} is no folder.`);
  });

  it.each(['../dynamics', '..', '.', '', '..data', '.hidden', 'a/b', '/etc', 'a\0b', 'a..b', 'ä'])(
    'is rejected by its name: %j',
    async (name) => {
      const source = createDirectoryCredentialSource(root);
      expect(await refusal(name)).toContain('The name of a credential has other characters than');
      expect(await failure(source.interval(name))).toBeInstanceOf(UsageError);
    },
  );

  it('is rejected without any credential, with what to put there', async () => {
    mkdirSync(join(root, 'dynamics'));
    expect(await refusal()).toContain('holds no credential. Put any of these files there: client_id, client_secret,');
    put('dynamics/interval', '10m');
    expect(await refusal()).toContain('holds no credential.');
    put('dynamics/token', 'x');
    put('dynamics/a b', 'x');
    expect(await refusal()).toContain('holds nothing that is read, only "a b", token.');
  });

  it.each([
    ['clientId', 'client_id'],
    ['CLIENT_SECRET', 'client_secret'],
    ['client-secret', 'client_secret'],
    ['user_name', 'username'],
    ['password.txt', 'password'],
    ['Interval', 'interval'],
  ])('with %s is rejected, because %s is meant', async (name, key) => {
    put('dynamics/refresh_token', secret('refresh-token'));
    const path = put(`dynamics/${name}`, secret('value'));
    expect(await refusal()).toBe(
      `The folder ${join(path, '..')} holds "${name}", which is not read. Rename it to ${key}.`,
    );
    put(`dynamics/${key}`, key === 'interval' ? '10m' : secret('value'));
    expect(Object.keys((await createDirectoryCredentialSource(root).read('dynamics')).values)).toContain(
      'refresh_token',
    );
  });

  it('may hold other files, which are not looked at', async () => {
    put('dynamics/username', 'ann');
    put('dynamics/tenant', '');
    put('dynamics/.username.swp', '\0');
    mkdirSync(join(root, 'dynamics/backup'));
    expect(Object.keys((await createDirectoryCredentialSource(root).read('dynamics')).values)).toEqual(['username']);
  });
});

describe('The interval', () => {
  it.each(['10', 'soon', '-5m', '0s', '10 m', '10m\n10m', '5min'])('is rejected where it is %j', async (text) => {
    const path = put('dynamics/interval', text);
    const error = await failure(createDirectoryCredentialSource(root).interval('dynamics'));
    expect(error).toBeInstanceOf(UsageError);
    expect(messageOf(error)).toContain(path);
  });

  it('may have blanks around it, and needs no credential next to it', async () => {
    put('dynamics/interval', ' 10m \n');
    expect(await createDirectoryCredentialSource(root).interval('dynamics')).toBe(600_000);
  });

  it('is read where the credential is broken', async () => {
    put('dynamics/password', '');
    put('dynamics/interval', '10m');
    expect(await createDirectoryCredentialSource(root).interval('dynamics')).toBe(600_000);
  });
});

describe('A fingerprint', () => {
  it('differs from process to process, so that it cannot be guessed at', async () => {
    put('dynamics/password', secret('password'));
    const one = await createDirectoryCredentialSource(root).read('dynamics');
    const other = await createDirectoryCredentialSource(root).read('dynamics');
    expect(one.fingerprint).not.toBe(other.fingerprint);
    expect(one.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('A mounted credential', () => {
  let mounter: ChildProcess | undefined;
  afterEach(async () => {
    if (mounter === undefined) return;
    const exit = once(mounter, 'exit');
    mounter.kill('SIGKILL');
    await exit;
  });

  it.each([
    ['a Secret mounted at the folder', 'dynamics', ''],
    ['a Secret projected into the root', '', 'dynamics/'],
  ])('gives a user name and a password of one state: %s', async (_what, volume, folder) => {
    mounter = fork(MOUNTER, [join(root, volume), folder]);
    await once(mounter, 'message');
    const source = createDirectoryCredentialSource(root);
    const seen = new Set<string>();
    const end = performance.now() + 1500;
    while (performance.now() < end) {
      const { values } = await source.read('dynamics');
      expect(values.username).toBeDefined();
      expect(values.password?.reveal()).toBe(values.username?.reveal());
      seen.add(values.username?.reveal() ?? '');
    }
    expect(seen.size).toBeGreaterThan(5);
  });
});

describe('A watch', () => {
  it('sees a change by looking, where the system says nothing', async () => {
    put('dynamics/password', 'one');
    const changed = vi.fn<() => void>();
    const source = createDirectoryCredentialSource(root, { poll: 50, watch: () => () => {} });
    const stop = source.watch('dynamics', changed);
    try {
      put('dynamics/password', 'other');
      await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce(), { timeout: 2000 });
    } finally {
      stop();
    }
  });

  it('calls back where a credential breaks and where it is fixed', async () => {
    put('dynamics/password', 'one');
    const changed = vi.fn<() => void>();
    const stop = createDirectoryCredentialSource(root).watch('dynamics', changed);
    try {
      put('dynamics/password', '');
      await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1), { timeout: 3000 });
      put('dynamics/password', 'two');
      await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThan(1), { timeout: 3000 });
    } finally {
      stop();
    }
  });

  it('calls back for a folder that does not exist yet when it comes, when it goes and when it comes again', async () => {
    const changed = vi.fn<() => void>();
    const stop = createDirectoryCredentialSource(root).watch('dynamics', changed);
    try {
      for (let round = 1; round <= 3; round += 1) {
        const before = changed.mock.calls.length;
        put('dynamics/password', `${round}`);
        await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThan(before), { timeout: 5000 });
        const calls = changed.mock.calls.length;
        rmSync(join(root, 'dynamics'), { recursive: true });
        await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThan(calls), { timeout: 5000 });
      }
    } finally {
      stop();
    }
  });

  it('looks at the root once for many credentials, so that each does not cost as much as all of them', () => {
    const watched: string[] = [];
    const closed: string[] = [];
    const watch: WatchFunction = (directory) => {
      watched.push(directory);
      return () => closed.push(directory);
    };
    const source = createDirectoryCredentialSource(root, { watch });
    const names = Array.from({ length: 100 }, (_, index) => `credential-${index}`);
    for (const name of names) put(`${name}/password`, name);
    const stops = names.map((name) => source.watch(name, () => undefined));
    expect(watched.filter((directory) => directory === root)).toHaveLength(1);
    expect(watched).toHaveLength(101);
    for (const stop of stops) stop();
    expect(closed.toSorted()).toEqual(watched.toSorted());
  });
});
