import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryRefreshTokenStore } from '../../src/adapters/fs/directory-refresh-token-store.ts';
import { Revisions } from '../../src/adapters/fs/revisions.ts';
import { toDocument } from '../../src/adapters/refresh-token-document.ts';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import { buildChain, plainText } from '../contract/refresh-token-store.ts';
import { failure } from '../support/failure.ts';
import { giveAway, unprivileged } from '../support/unprivileged.ts';

const DYNAMICS = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const ROTATOR = join(import.meta.dirname, '../fixtures/refresh-token-rotator.ts');

let parent: string;
let root: string;
let folder: string;
let children: ChildProcess[];
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'directory-refresh-token-store-'));
  root = join(parent, 'state');
  folder = join(root, 'billing', 'billing-tokens');
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  await rm(parent, { recursive: true, force: true });
});

function startRotator(...turns: string[]): ChildProcess {
  const child = fork(ROTATOR, [root, ...turns]);
  children.push(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await failure(call);
  expect(error).toBeInstanceOf(StoreError);
  expect((error as StoreError).permanent).toBe(true);
  return messageOf(error);
}

describe('The state directory', () => {
  it('is for its owner only, whatever the umask, and holds one file a token', async () => {
    const before = process.umask(0);
    try {
      const store = createDirectoryRefreshTokenStore(root);
      await store.save(DYNAMICS, buildChain(), undefined);
      await store.save(DYNAMICS, buildChain(), await store.load(DYNAMICS));
    } finally {
      process.umask(before);
    }
    expect([root, join(root, 'billing'), folder].map(modeOf)).toEqual(['700', '700', '700']);
    expect(readdirSync(folder)).toEqual(['dynamics.2.json']);
    expect(modeOf(join(folder, 'dynamics.2.json'))).toBe('600');
  });

  it('keeps no token of a chain that was removed', async () => {
    const store = createDirectoryRefreshTokenStore(root);
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    await store.save(DYNAMICS, undefined, chain);
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    expect(texts).toEqual(['{"removed":true}\n']);
  });

  it.each([0o755, 0o750, 0o701, 0o770])('is rejected where others may enter it: mode %o', async (mode) => {
    mkdirSync(root);
    chmodSync(root, mode);
    const store = createDirectoryRefreshTokenStore(root);
    for (const call of [() => store.load(DYNAMICS), () => store.save(DYNAMICS, buildChain(), undefined)]) {
      expect(await refusal(call())).toBe(
        `The state directory ${root} is open to other users (mode 0${mode.toString(8)}). Run: chmod 700 ${root}.`,
      );
    }
    expect(readdirSync(root)).toEqual([]);
  });

  it.each([
    ['..', 'billing-tokens', 'dynamics'],
    ['billing', '../x', 'dynamics'],
    ['billing', 'billing-tokens', 'a/b'],
    ['billing', 'billing-tokens', 'dynamics.1'],
    ['billing', 'billing-tokens', ''],
  ])('is left alone by names that are none: %j/%j/%j', async (namespace, secret, name) => {
    const store = createDirectoryRefreshTokenStore(root);
    const identity = { namespace, secret, name };
    expect(await refusal(store.load(identity))).toContain('is not a DNS label');
    expect(await refusal(store.save(identity, buildChain(), undefined))).toContain('is not a DNS label');
    expect(readdirSync(parent)).toEqual([]);
  });

  it('is made again where it was removed while in use', async () => {
    const store = createDirectoryRefreshTokenStore(root);
    await store.save(DYNAMICS, buildChain(), undefined);
    await rm(root, { recursive: true });
    expect(await store.load(DYNAMICS)).toBeUndefined();
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(chain));
  });

  it.each<[what: string, scenario: string, prepare: () => void]>([
    ['written', 'save a refresh token', () => chmodSync(folder, 0o500)],
    ['read', 'load a refresh token', () => chmodSync(join(folder, 'dynamics.1.json'), 0o000)],
  ])('says what is wrong where it cannot be %s', async (_what, scenario, prepare) => {
    await createDirectoryRefreshTokenStore(root).save(DYNAMICS, buildChain(), undefined);
    chmodSync(parent, 0o755);
    for (const path of [root, join(root, 'billing'), folder, join(folder, 'dynamics.1.json')]) await giveAway(path);
    prepare();
    const { error } = await unprivileged(scenario, root);
    chmodSync(folder, 0o700);
    expect(error).toMatchObject({ name: 'StoreError', permanent: true });
    expect(error?.message).toMatch(/permission is denied \(EACCES\)\. Give the user of this process \(uid \d+\)/);
    expect(error?.message).toContain(root);
    expect(readdirSync(folder)).toEqual(['dynamics.1.json']);
  });
});

describe('A state file', () => {
  const chain = { refresh_token: 'x', origin_sha256: 'x', rotates: true, in_use: false };

  it.each([
    ['nothing', ''],
    ['half of it', '{"refresh_token":"x'],
    ['zeroes, as after a power cut', '\0'.repeat(40)],
    ['a list', '[]'],
    ['null', 'null'],
    ['no token', JSON.stringify({ ...chain, refresh_token: '' })],
    ['a number for a token', JSON.stringify({ ...chain, refresh_token: 1 })],
    ['no origin', JSON.stringify({ ...chain, origin_sha256: undefined })],
    ['no word on whether it is in use', JSON.stringify({ ...chain, in_use: undefined })],
    ['a text for a truth', JSON.stringify({ ...chain, rotates: 'true' })],
    ['a removal that is none', JSON.stringify({ ...chain, refresh_token: '', removed: true })],
  ])('is called damaged with %s in it, and what to do', async (_what, text) => {
    mkdirSync(folder, { recursive: true });
    chmodSync(root, 0o700);
    const path = join(folder, 'dynamics.1.json');
    writeFileSync(path, text);
    const message = await refusal(createDirectoryRefreshTokenStore(root).load(DYNAMICS));
    expect(message).toBe(
      `The state file ${path} is damaged. Restore it from a backup, or remove it and set a new refresh_token credential.`,
    );
  });

  it.each([
    ['version 0.1.0', {}, undefined],
    ['a later version with a time that makes no sense', { in_use_since: 'yesterday' }, undefined],
    ['this version', { in_use_since: '2026-01-01T12:00:00.123Z' }, Date.UTC(2026, 0, 1, 12, 0, 0, 123)],
  ])('of %s is read, with the time of its mark where there is one', async (_what, more, since) => {
    mkdirSync(folder, { recursive: true });
    chmodSync(root, 0o700);
    writeFileSync(join(folder, 'dynamics.1.json'), JSON.stringify({ ...chain, in_use: true, ...more }));
    const found = await createDirectoryRefreshTokenStore(root).load(DYNAMICS);
    expect(found).toMatchObject({ inUse: true, rotates: true });
    expect(found?.inUseSince).toBe(since);
  });

  it('counts by its number, not by its name or age', async () => {
    const store = createDirectoryRefreshTokenStore(root);
    let last = buildChain();
    await store.save(DYNAMICS, last, undefined);
    const one = readFileSync(join(folder, 'dynamics.1.json'));
    for (let round = 2; round <= 10; round += 1) {
      const next = buildChain();
      await store.save(DYNAMICS, next, last);
      last = next;
    }
    writeFileSync(join(folder, 'dynamics.9.json'), one);
    writeFileSync(join(folder, 'dynamics.99.json.bak'), one);
    writeFileSync(join(folder, 'dynamics.x.json'), one);
    writeFileSync(join(folder, 'dynamics.011.json'), one);
    writeFileSync(join(folder, 'dynamics-2.11.json'), one);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(last));
  });

  it('is not followed where it is a link', async () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(root, 0o700);
    writeFileSync(join(parent, 'elsewhere'), JSON.stringify(chain));
    symlinkSync(join(parent, 'elsewhere'), join(folder, 'dynamics.1.json'));
    expect(await failure(createDirectoryRefreshTokenStore(root).load(DYNAMICS))).toBeInstanceOf(StoreError);
  });

  it('is removed after ten seconds where a killed process left it unfinished', async () => {
    const store = createDirectoryRefreshTokenStore(root);
    const [first, second] = [buildChain(), buildChain()];
    await store.save(DYNAMICS, first, undefined);
    const [old, young] = [join(folder, '.dynamics.0123.tmp'), join(folder, '.dynamics.4567.tmp')];
    for (const path of [old, young]) writeFileSync(path, 'half');
    utimesSync(old, Date.now() / 1000 - 60, Date.now() / 1000 - 60);
    await store.save(DYNAMICS, second, first);
    expect(readdirSync(folder).sort()).toEqual(['.dynamics.4567.tmp', 'dynamics.2.json']);
  });
});

describe('A save', () => {
  it('has taken place though what was before it cannot be removed', async () => {
    const store = createDirectoryRefreshTokenStore(root);
    const [first, second] = [buildChain(), buildChain()];
    mkdirSync(root, { mode: 0o700 });
    mkdirSync(join(folder, 'dynamics.1.json', 'in-the-way'), { recursive: true });
    writeFileSync(join(folder, 'dynamics.2.json'), toDocument(first), { mode: 0o600 });
    await store.save(DYNAMICS, second, first);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(second));
    expect(readdirSync(folder).sort()).toEqual(['dynamics.1.json', 'dynamics.3.json']);
  });
});

describe('A revision', () => {
  function revisions(): Revisions {
    return new Revisions(folder, 'dynamics', Date.now);
  }

  it('is not added where others went past its number and removed it again', async () => {
    for (let number = 0; number < 7; number += 1)
      expect(await revisions().addAfter(number, `${number + 1}`)).toBe(true);
    await revisions().removeBefore(7);
    expect(await revisions().addAfter(5, 'late')).toBe(false);
    expect(readdirSync(folder)).toEqual(['dynamics.7.json']);
    expect((await revisions().latest())?.text).toBe('7');
  });

  it('is not added where its number is taken', async () => {
    expect(await revisions().addAfter(0, 'first')).toBe(true);
    expect(await revisions().addAfter(0, 'late')).toBe(false);
    expect(readdirSync(folder)).toEqual(['dynamics.1.json']);
    expect((await revisions().latest())?.text).toBe('first');
  });
});

describe('Processes that save to one state directory', () => {
  it('never lose a save to each other: each is confirmed to one of them, or to none where another went on from it immediately', async () => {
    const confirmed: number[] = [];
    const refused = new Set<number>();
    const rotators = ['40', '40', '40'].map((turns) => startRotator(turns));
    for (const child of rotators)
      child.on('message', (count) => (Number(count) > 0 ? confirmed.push(Number(count)) : refused.add(-Number(count))));
    const exits = await Promise.all(rotators.map((child) => once(child, 'exit')));
    expect(exits.map(([code]) => Number(code))).toEqual([0, 0, 0]);
    expect(confirmed.length).toBe(120);
    expect(new Set(confirmed).size).toBe(120);
    const last = Number((await createDirectoryRefreshTokenStore(root).load(DYNAMICS))?.refreshToken.reveal());
    const unaccounted = Array.from({ length: last }, (_, index) => index + 1).filter(
      (count) => !confirmed.includes(count) && !refused.has(count),
    );
    expect({ last: Math.max(...confirmed), unaccounted }).toEqual({ last, unaccounted: [] });
  });

  it('keep every save that was confirmed before they were killed', async () => {
    let confirmed = 0;
    for (let round = 0; round < 12; round += 1) {
      const child = startRotator();
      child.on('message', (count) => {
        confirmed = Number(count);
      });
      await once(child, 'message');
      await pause(randomInt(0, 40));
      await kill(child);
      const saved = Number((await createDirectoryRefreshTokenStore(root).load(DYNAMICS))?.refreshToken.reveal());
      // One more may have been saved whose confirmation was on its way.
      expect(saved).toBeGreaterThanOrEqual(confirmed);
      expect(saved).toBeLessThanOrEqual(confirmed + 2);
    }
  });
});
