import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeCredentialValue } from '../../src/adapters/fs/credential-writer.ts';
import { createDirectoryCredentialSource } from '../../src/adapters/fs/directory-credential-source.ts';
import { messageOf, UsageError } from '../../src/core/errors.ts';
import { failure } from '../support/failure.ts';
import { mountSecret } from '../support/secret-volume.ts';
import { secret } from '../support/secrets.ts';
import { unprivileged } from '../support/unprivileged.ts';

let parent: string;
let root: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'credential-writer-'));
  root = join(parent, 'credentials');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

async function refusal(credential: string, key: string, value: string): Promise<string> {
  const error = await failure(writeCredentialValue(root, credential, key, value));
  expect(error).toBeInstanceOf(UsageError);
  return messageOf(error);
}

describe('Writing a value of a credential', () => {
  it('makes folders and a file that nobody else can read', async () => {
    await writeCredentialValue(root, 'dynamics', 'password', secret('password'));
    expect([root, join(root, 'dynamics'), join(root, 'dynamics/password')].map(modeOf)).toEqual(['700', '700', '600']);
    expect(readdirSync(join(root, 'dynamics'))).toEqual(['password']);
  });

  it('replaces a value, and narrows its permissions', async () => {
    mkdirSync(join(root, 'dynamics'), { recursive: true });
    writeFileSync(join(root, 'dynamics/password'), 'old', { mode: 0o644 });
    await writeCredentialValue(root, 'dynamics', 'password', 'new');
    expect(readFileSync(join(root, 'dynamics/password'), 'utf8')).toBe('new');
    expect(modeOf(join(root, 'dynamics/password'))).toBe('600');
  });

  it('cuts the line break that came with the input, and is read back as it was meant', async () => {
    const password = secret('password');
    await writeCredentialValue(root, 'dynamics', 'password', `${password}\n`);
    await writeCredentialValue(root, 'dynamics', 'interval', '10m\n');
    const source = createDirectoryCredentialSource(root);
    expect((await source.read('dynamics')).values.password?.reveal()).toBe(password);
    expect(await source.interval('dynamics')).toBe(600_000);
    await writeCredentialValue(root, 'dynamics', 'expires_at', '2027-01-31\n');
    expect((await source.expiry('dynamics')).at).toBe(Date.UTC(2027, 0, 31));
  });

  it('never shows a reader half a value', async () => {
    const source = createDirectoryCredentialSource(root);
    const values = ['a'.repeat(60_000), 'b'.repeat(50_000)];
    await writeCredentialValue(root, 'dynamics', 'password', 'b'.repeat(50_000));
    let writing = true;
    const writer = (async () => {
      for (let count = 0; count < 40; count += 1) {
        await writeCredentialValue(root, 'dynamics', 'password', values[count % 2] ?? '');
      }
      writing = false;
    })();
    while (writing) {
      expect(values).toContain((await source.read('dynamics')).values.password?.reveal());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writer;
  });

  it.each([
    ['a folder outside', '../dynamics', 'password', 'x'],
    ['a path', 'a/b', 'password', 'x'],
    ['a hidden folder', '.dynamics', 'password', 'x'],
    ['a key that is not read', 'dynamics', 'passwort', 'x'],
    ['a key that is a path', 'dynamics', '../password', 'x'],
    ['an empty value', 'dynamics', 'password', '\n'],
    ['two lines', 'dynamics', 'password', 'x\ny'],
    ['a control character', 'dynamics', 'password', 'x\u001B'],
    ['a NUL in a key', 'dynamics', 'private_key', 'x\0'],
    ['over 64 KiB', 'dynamics', 'private_key', 'x'.repeat(64 * 1024 + 1)],
    ['an end that is no time', 'dynamics', 'expires_at', 'soon'],
    ['an interval that is no duration', 'dynamics', 'interval', 'soon'],
  ])('is rejected for %s, and leaves nothing behind', async (_what, credential, key, value) => {
    expect(await refusal(credential, key, value)).toMatch(/\.$/);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('never says the value that it rejects', async () => {
    const value = secret('password');
    expect(await refusal('dynamics', 'password', `${value}\n${value}`)).not.toContain(value);
    expect(await refusal('dynamics', 'interval', value)).not.toContain(value);
    expect(await refusal('dynamics', 'expires_at', value)).not.toContain(value);
  });

  it.each([
    ['at the folder', () => mountSecret(join(root, 'dynamics'), { username: 'ann' })],
    ['at the root', () => mountSecret(root, { 'dynamics/username': 'ann' })],
  ])('is rejected where a Secret is mounted %s, and says where to change it', async (_what, mount) => {
    mount();
    expect(await refusal('dynamics', 'password', 'x')).toMatch(/is a mounted Secret.*Change the Secret instead/);
    expect(readdirSync(join(root, 'dynamics'))).not.toContain('password');
  });

  it('says what it may not write', async () => {
    mkdirSync(join(root, 'dynamics'), { recursive: true });
    for (const directory of [parent, root, join(root, 'dynamics')]) chmodSync(directory, 0o555);
    const { error } = await unprivileged('write a credential', root);
    for (const directory of [parent, root, join(root, 'dynamics')]) chmodSync(directory, 0o755);
    expect(error?.name).toBe('UsageError');
    expect(error?.message).toMatch(/dynamics\/username cannot be written \(EACCES\)\. Give the user/);
    expect(readdirSync(join(root, 'dynamics'))).toEqual([]);
  });

  it('says that a file is in its way', async () => {
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, 'dynamics'), '');
    expect(await refusal('dynamics', 'password', 'x')).toContain('cannot be written (EEXIST)');
  });
});
