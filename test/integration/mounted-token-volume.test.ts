import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountedTokenVolume } from '../../src/adapters/fs/mounted-token-volume.ts';
import { subPathMounts } from '../../src/adapters/fs/sub-path-mounts.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Token } from '../../src/core/token.ts';
import { sha256 } from '../../src/core/token.ts';
import { TokenVolumeError, toVolumeData } from '../../src/core/token-volume.ts';
import { AtomicWriter } from '../support/atomic-writer.ts';
import { keepOutput } from '../support/outputs.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

type Layout = (data: Readonly<Record<string, string | Uint8Array>>) => void;

const mounted: Layout = (data) => new AtomicWriter(directory.path).write(data);
const plain: Layout = (data) => {
  for (const [key, value] of Object.entries(data)) writeFileSync(join(directory.path, key), value);
};
const read = (key = 'dynamics'): Token | undefined => mountedTokenVolume(directory.path).read(key);

/** A token document with a field changed. */
function documentWith(fields: Record<string, unknown>): string {
  const document = JSON.parse(toVolumeData('dynamics', buildToken())['dynamics.json'] ?? '') as object;
  return JSON.stringify({ ...document, ...fields });
}

describe.each<[string, Layout]>([
  ['a volume as the kubelet mounts it', mounted],
  ['a plain directory', plain],
])('%s', (_, write) => {
  it('gives a token with all that is known of it', () => {
    const token = buildToken({ previousSha256: [sha256('before')] });
    write(toVolumeData('dynamics', token));
    const { accessToken, ...rest } = read() ?? buildToken();
    const { accessToken: expected, ...known } = token;
    expect(rest).toEqual(known);
    expect(accessToken.reveal() === expected.reveal()).toBe(true);
  });

  it('gives each of several tokens by its key', () => {
    const [dynamics, orders] = [buildToken(), buildToken()];
    write({ ...toVolumeData('dynamics', dynamics), ...toVolumeData('orders', orders) });
    expect([read('dynamics')?.sha256, read('orders')?.sha256]).toEqual([dynamics.sha256, orders.sha256]);
  });

  it('gives nothing where there is nothing of that key', () => {
    expect(read()).toBeUndefined();
    write(toVolumeData('orders', buildToken()));
    expect(read()).toBeUndefined();
  });

  it('needs only the document', () => {
    const token = buildToken();
    write({ 'dynamics.json': toVolumeData('dynamics', token)['dynamics.json'] ?? '' });
    expect(read()?.sha256).toBe(token.sha256);
  });

  it('believes the document where the raw token is another', () => {
    const token = buildToken();
    write({ ...toVolumeData('dynamics', token), dynamics: secret('raw') });
    expect(read()?.sha256).toBe(token.sha256);
  });

  it.each<[string, () => Record<string, string | Uint8Array>, string]>([
    ['without its document', () => ({ dynamics: secret('raw') }), 'but no dynamics.json, which says when it expires'],
    ['whose document is empty', () => ({ 'dynamics.json': '' }), 'The key dynamics.json is empty.'],
    ['whose document is blank', () => ({ 'dynamics.json': '\r\n' }), 'The key dynamics.json is empty.'],
    ['that is cut off', () => ({ 'dynamics.json': documentWith({}).slice(0, 200) }), 'is not JSON'],
    ['that is binary', () => ({ 'dynamics.json': Uint8Array.of(0, 255, 254, 1) }), 'is not JSON'],
    ['that is huge', () => ({ 'dynamics.json': new Uint8Array(20 * 1024 * 1024) }), 'is larger than 65536 bytes'],
    ['whose hash is of another', () => ({ 'dynamics.json': documentWith({ sha256: sha256('x') }) }), 'has a sha256'],
    ['without an expiry', () => ({ 'dynamics.json': documentWith({ expires_at: '' }) }), 'has no expires_at'],
    [
      'with a line end in it',
      () => {
        const value = `${secret('crlf')}\r\n`;
        return { 'dynamics.json': documentWith({ access_token: value, sha256: sha256(value) }) };
      },
      'has an access_token that contains a line break or another control character',
    ],
  ])('rejects one %s', (_name, data, message) => {
    write(data());
    expect(() => read()).toThrow(TokenVolumeError);
    expect(() => read()).toThrow(message);
    expect(() => read()).not.toThrow('canary');
  });
});

describe('what is no file', () => {
  it.each<[string, (path: string) => void, string]>([
    ['a directory', (path) => mkdirSync(path), 'The key dynamics.json is not a file.'],
    ['a pipe, without waiting for a writer', (path) => execFileSync('mkfifo', [path]), 'is not a file.'],
    ['a link to itself', (path) => symlinkSync('dynamics.json', path), 'cannot be read (ELOOP): the volume must be'],
  ])('%s', (_, make, message) => {
    make(join(directory.path, 'dynamics.json'));
    expect(() => read()).toThrow(message);
  });

  it('a file that this user may not read', () => {
    plain(toVolumeData('dynamics', buildToken()));
    chmodSync(join(directory.path, 'dynamics.json'), 0);
    const reader = join(import.meta.dirname, '../fixtures/volume-reader.ts');
    expect(execFileSync(process.execPath, [reader, directory.path], { encoding: 'utf8' })).toBe(
      'The key dynamics.json cannot be read (EACCES): the volume must be readable to this user.',
    );
  });

  it('a missing directory has no token', () => {
    expect(mountedTokenVolume(join(directory.path, 'absent')).read('dynamics')).toBeUndefined();
    plain({ file: '' });
    expect(mountedTokenVolume(join(directory.path, 'file')).read('dynamics')).toBeUndefined();
  });

  it('a volume that is swapped back and forth between states is read again', () => {
    const token = buildToken();
    new AtomicWriter(directory.path).write(toVolumeData('dynamics', token));
    // A state that is gone already: what a reader meets that resolved `..data` a moment too early.
    rmSync(join(directory.path, '..data'));
    symlinkSync('..gone', join(directory.path, '..data'));
    expect(read()).toBeUndefined();
    new AtomicWriter(directory.path).write(toVolumeData('dynamics', token));
    expect(read()?.sha256).toBe(token.sha256);
  });
});

describe('reading while a process swaps the volume', () => {
  it('never gives a torn token, an older one than before, or none', { timeout: 60_000 }, async () => {
    const SWAPS = 3000;
    const volume = mountedTokenVolume(directory.path);
    new AtomicWriter(directory.path).write(toVolumeData('dynamics', buildToken({ generation: 0 })));
    const writer = join(import.meta.dirname, '../fixtures/volume-writer.ts');
    const child = spawn(process.execPath, [writer, directory.path, String(SWAPS)], { stdio: 'pipe' });
    keepOutput(child, 'volume writer');
    let calls = 0;
    const stop = volume.watch(() => {
      calls += 1;
    });
    let [reads, last, ended] = [0, 0, false];
    child.once('exit', () => {
      ended = true;
    });
    while (!ended) {
      for (let burst = 0; burst < 200; burst += 1) {
        // Both files of one state, or this throws: the document's own hash is checked as well.
        const generation = volume.read('dynamics')?.generation ?? -1;
        if (generation < last) throw new Error(`Read generation ${generation} after ${last}.`);
        last = generation;
        reads += 1;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    stop();
    expect(child.exitCode).toBe(0);
    expect(volume.read('dynamics')?.generation).toBe(SWAPS);
    expect(reads).toBeGreaterThan(2000);
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThanOrEqual(SWAPS);
  });
});

describe('watching', () => {
  const silent = () => (): void => {};

  it('has one watch for all, and none when nobody is left', async () => {
    let [opened, open] = [0, 0];
    const volume = mountedTokenVolume(directory.path, {
      watch() {
        opened += 1;
        open += 1;
        return () => {
          open -= 1;
        };
      },
    });
    const stops = [volume.watch(() => {}), volume.watch(() => {}), volume.watch(() => {})];
    expect([opened, open]).toEqual([1, 1]);
    for (const stop of stops) stop();
    expect(open).toBe(0);
    volume.watch(() => {})();
    expect([opened, open]).toEqual([2, 0]);
  });

  it('calls back all, and one that has stopped no more', async () => {
    const calls: string[] = [];
    const volume = mountedTokenVolume(directory.path, { watch: silent, poll: 50 });
    const stopFirst = volume.watch(() => calls.push('first'));
    const stopSecond = volume.watch(() => calls.push('second'));
    mounted({ a: '1' });
    await expect.poll(() => calls).toEqual(['first', 'second']);
    stopFirst();
    mounted({ a: '2' });
    await expect.poll(() => calls).toEqual(['first', 'second', 'second']);
    stopSecond();
  });
});

describe('files mounted with subPath', () => {
  const line = (point: string): string => `36 35 0:50 /..2026/dynamics ${point} ro,relatime - tmpfs tmpfs rw`;

  it.each<[string, string[], string[]]>([
    ['are found', ['/var/run/tokens/dynamics.json'], ['dynamics.json']],
    ['are found both', ['/var/run/tokens/dynamics', '/var/run/tokens/dynamics.json'], ['dynamics', 'dynamics.json']],
    ['are not the volume as a whole', ['/var/run/tokens'], []],
    ['are not those elsewhere', ['/var/run/other/dynamics.json', '/dynamics.json'], []],
  ])('%s', (_, points, found) => {
    const mounts = ['22 1 0:1 / / rw - overlay overlay rw', ...points.map(line), ''].join('\n');
    expect(subPathMounts('/var/run/tokens', ['dynamics', 'dynamics.json'], mounts)).toEqual(found);
  });

  it('are found below a directory with a blank and behind a link', () => {
    mkdirSync(join(directory.path, 'a b'));
    symlinkSync('a b', join(directory.path, 'link'));
    const mounts = line(`${directory.path}/a\\040b/dynamics`);
    expect(subPathMounts(join(directory.path, 'link'), ['dynamics'], mounts)).toEqual(['dynamics']);
  });

  it('are none on this machine', () => {
    plain(toVolumeData('dynamics', buildToken({ accessToken: new Redacted(secret('plain')) })));
    expect(subPathMounts(directory.path, ['dynamics', 'dynamics.json'])).toEqual([]);
  });
});
