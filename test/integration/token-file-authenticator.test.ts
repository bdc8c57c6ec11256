import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenFileAuthenticator } from '../../src/adapters/fs/token-file-authenticator.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { mountSecret } from '../support/secret-volume.ts';
import { secret } from '../support/secrets.ts';
import { unprivileged } from '../support/unprivileged.ts';

let folder: string;
let clock: FakeClock;
let faults: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-file-authenticator-'));
  clock = createFakeClock();
  faults = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function authenticatorOf(...names: string[]): (bearer: string) => Promise<string | undefined> {
  const callers = names.map((name) => ({ name, tokenFile: join(folder, name) }));
  const authenticator = createTokenFileAuthenticator(callers, { clock, onFault: (fault) => faults.push(fault) });
  return async (bearer) => (await authenticator.authenticate(new Redacted(bearer)))?.name;
}

describe('A token file', () => {
  const token = secret('caller-token');

  it.each([
    ['as it is', token],
    ['with a line break', `${token}\n`],
    ['with the line break of Windows', `${token}\r\n`],
    ['with a byte order mark', `\uFEFF${token}`],
    ['of 16 characters', token.slice(0, 16)],
  ])('lets its caller in: %s', async (_what, content) => {
    put('billing', content);
    expect(await authenticatorOf('billing')(content.trim())).toBe('billing');
    expect(faults).toEqual([]);
  });

  it('lets nobody in while every user of the machine can read it', async () => {
    const path = put('billing', token);
    chmodSync(folder, 0o755);
    chmodSync(path, 0o604);
    const who = authenticatorOf('billing');
    expect(await who(token)).toBeUndefined();
    expect(faults).toEqual([
      `The file ${path} can be read by every user of this machine (mode 0604). Run: chmod o-r ${path}. Where it is mounted, mount it with the mode 0440.`,
    ]);
    chmodSync(path, 0o600);
    await clock.advance(1000);
    expect(await who(token)).toBe('billing');
  });

  it.each<[what: string, content: string | Buffer, said: string]>([
    ['is empty', '', 'is empty. Write the value into it.'],
    ['holds only a line break', '\n', 'is empty. Write the value into it.'],
    ['holds only blanks', ' '.repeat(20), 'is empty. Write the value into it.'],
    ['is short', 'x'.repeat(15), 'holds fewer than 16 characters. Write a long random token into it.'],
    ['is short except for its line break', `${'x'.repeat(15)}\n`, 'holds fewer than 16 characters'],
    ['has two lines', `${token}\n${token}\n`, 'has more than one line. Write only the value into it.'],
    ['is binary', `${token}\0`, 'is binary. Write the value into it as UTF-8 text.'],
    ['is huge', Buffer.alloc(100_000, 'x'), 'is larger than 64 KiB. Write only the value into it.'],
  ])('lets nobody in where it %s, and is reported', async (_what, content, said) => {
    const path = put('billing', content);
    const who = authenticatorOf('billing');
    for (const bearer of ['', '\n', token, 'x'.repeat(15), content.toString()])
      expect(await who(bearer)).toBeUndefined();
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(path);
    expect(faults[0]).toContain(said);
    expect(faults[0]).not.toContain(token);
  });

  it('lets nobody in where it is missing or a folder, and is reported', async () => {
    mkdirSync(join(folder, 'orders'));
    const who = authenticatorOf('billing', 'orders');
    expect(await who('')).toBeUndefined();
    expect(faults).toEqual([
      `The token file ${join(folder, 'billing')} of the caller billing does not exist. Write a long random token into it.`,
      `${join(folder, 'orders')} is no file. Put a file with the value in its place.`,
    ]);
  });

  it('lets nobody in where it may not be read, and is reported', async () => {
    chmodSync(folder, 0o755);
    const path = put('billing', token);
    chmodSync(path, 0o000);
    const { value } = await unprivileged('authenticate by a token file', path);
    expect(value).toMatch(
      /^The file .*billing cannot be read \(EACCES\)\. Let the user of this process \(uid \d+\) read it\.$/,
    );
  });

  it('harms no other caller where it is broken', async () => {
    put('orders', token);
    expect(await authenticatorOf('billing', 'orders')(token)).toBe('orders');
  });

  it('lets neither caller in where it holds the token of another', async () => {
    for (const name of ['billing', 'orders', 'third']) put(name, token);
    expect(await authenticatorOf('billing', 'orders', 'third')(token)).toBeUndefined();
    expect(faults[0]).toBe('The callers billing and orders have the same token. Give each its own token.');
  });

  it('may be named twice for the same caller', async () => {
    put('billing', token);
    expect(await authenticatorOf('billing', 'billing')(token)).toBe('billing');
    expect(faults).toEqual([]);
  });
});

describe('A token file that changes', () => {
  it('is in force after a second, and its old token is not', async () => {
    const [old, next] = [secret('caller-token'), secret('caller-token')];
    put('billing', old);
    const who = authenticatorOf('billing');
    put('billing', next);
    await clock.advance(999);
    expect([await who(old), await who(next)]).toEqual(['billing', undefined]);
    await clock.advance(1);
    expect([await who(old), await who(next)]).toEqual([undefined, 'billing']);
  });

  it('is followed where it is a key of a mounted Secret', async () => {
    const [old, next] = [secret('caller-token'), secret('caller-token')];
    mountSecret(folder, { billing: old });
    const who = authenticatorOf('billing');
    expect(await who(old)).toBe('billing');
    mountSecret(folder, { billing: next });
    await clock.advance(1000);
    expect([await who(old), await who(next)]).toEqual([undefined, 'billing']);
  });

  it('is reported once while it is broken, and again when it breaks again', async () => {
    const token = put('billing', '') && secret('caller-token');
    const who = authenticatorOf('billing');
    for (let second = 0; second < 5; second += 1) {
      await who(token);
      await clock.advance(1000);
    }
    expect(faults).toHaveLength(1);
    put('billing', token);
    expect(await who(token)).toBe('billing');
    await clock.advance(1000);
    rmSync(join(folder, 'billing'));
    expect(await who(token)).toBeUndefined();
    expect(faults).toHaveLength(2);
  });
});

describe('The time that an answer takes', () => {
  it('is the same for a bearer that is almost right and one that is wrong from the start', async () => {
    const token = secret('caller-token');
    put('billing', token);
    const who = authenticatorOf('billing');
    const bearers = { near: `${token.slice(0, -1)}#`, far: `#${token.slice(1)}` };
    const times: Record<keyof typeof bearers, number[]> = { near: [], far: [] };
    for (let round = 0; round < 6000; round += 1) {
      // In turns, so that whatever else the machine does meets both.
      for (const kind of round % 2 === 0 ? (['near', 'far'] as const) : (['far', 'near'] as const)) {
        const begun = process.hrtime.bigint();
        await who(bearers[kind]);
        times[kind].push(Number(process.hrtime.bigint() - begun));
      }
    }
    const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length / 2] ?? 0;
    const ratio = median(times.near) / median(times.far);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1.25);
  });
});
