import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryCredentialSource } from '../../src/adapters/fs/directory-credential-source.ts';
import type { WatchFunction } from '../../src/adapters/fs/watch-directory.ts';
import type { CredentialKey } from '../../src/core/credential.ts';
import { messageOf } from '../../src/core/errors.ts';
import { failure } from '../support/failure.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let root: string;
let states = 0;
beforeEach(() => {
  directory = temporaryDirectory();
  root = directory.path;
});
afterEach(() => directory.remove());

/** Puts all files of the volume into force together, as the kubelet does. */
function mount(files: Readonly<Record<string, string>>): void {
  const volume = join(root, '.shared');
  states += 1;
  const state = `..state-${states}`;
  mkdirSync(join(volume, state), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(volume, state, name), text);
    rmSync(join(volume, name), { force: true });
    symlinkSync(join('..data', name), join(volume, name));
  }
  symlinkSync(state, join(volume, '..next'));
  renameSync(join(volume, '..next'), join(volume, '..data'));
}

function putOwn(credential: string, key: string, text: string): void {
  mkdirSync(join(root, credential), { recursive: true });
  writeFileSync(join(root, credential, key), text);
}

async function valuesOf(credential: string): Promise<Partial<Record<string, string>>> {
  const { values } = await createDirectoryCredentialSource(root).read(credential);
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value?.reveal()]));
}

async function refusal(credential: string, needed?: readonly CredentialKey[]): Promise<string> {
  return messageOf(await failure(createDirectoryCredentialSource(root).read(credential, needed)));
}

describe('credentials of one Secret', () => {
  it('are distinguished by the names of their keys', async () => {
    mount({ 'team-1.client_id': 'one', 'team-1.client_secret': 's-1\n', 'team-10.client_id': 'ten' });
    expect(await valuesOf('team-1')).toEqual({ client_id: 'one', client_secret: 's-1' });
    expect(await valuesOf('team-10')).toEqual({ client_id: 'ten' });
  });

  it('give way to a folder of the credential’s own, as a whole', async () => {
    mount({ 'team-1.client_id': 'shared', 'team-1.client_secret': 'shared', 'team-1.interval': '10m' });
    putOwn('team-1', 'client_id', 'own');
    expect(await valuesOf('team-1')).toEqual({ client_id: 'own' });
    expect(await createDirectoryCredentialSource(root).interval('team-1')).toBeUndefined();
  });

  it('have their intervals next to them', async () => {
    mount({ 'team-1.interval': '10m', 'team-2.client_id': 'two' });
    const source = createDirectoryCredentialSource(root);
    expect(await source.interval('team-1')).toBe(600_000);
    expect(await source.interval('team-2')).toBeUndefined();
  });

  it.each<[string, Readonly<Record<string, string>>, readonly CredentialKey[], string]>([
    ['that is missing', { 'team-2.client_id': 'two' }, ['client_id'], '/.shared/team-1.* holds no credential'],
    ['without a key', { 'team-1.client_id': 'one' }, ['client_id', 'client_secret'], '.* has no file client_secret'],
    ['with an empty value', { 'team-1.client_id': '' }, [], '/.shared/team-1.client_id is empty'],
  ])('are rejected by the name of the file: one %s', async (_what, files, needed, said) => {
    mount(files);
    expect(await refusal('team-1', needed)).toContain(said);
  });

  it('name the file of an interval that is none', async () => {
    mount({ 'team-1.interval': 'soon' });
    const error = await failure(createDirectoryCredentialSource(root).interval('team-1'));
    expect(messageOf(error)).toContain(`${join(root, '.shared', 'team-1.interval')} holds no duration`);
  });

  it('are of one state of the volume, however often it is replaced', async () => {
    mount({ 'team-1.username': '0', 'team-1.password': '0' });
    const seen = new Set<string | undefined>();
    for (let round = 1; round <= 50; round += 1) {
      mount({ 'team-1.username': `${round}`, 'team-1.password': `${round}` });
      const { username, password } = await valuesOf('team-1');
      expect(password).toBe(username);
      seen.add(username);
    }
    expect(seen.size).toBe(50);
  });
});

describe('a watch of credentials of one Secret', () => {
  it('calls back for those that changed and for no other', async () => {
    mount({ 'team-1.client_id': 'one', 'team-2.client_id': 'two' });
    const source = createDirectoryCredentialSource(root, { poll: 50 });
    const [first, second, third] = [vi.fn<() => void>(), vi.fn<() => void>(), vi.fn<() => void>()];
    const stops = [source.watch('team-1', first), source.watch('team-2', second), source.watch('team-3', third)];
    mount({ 'team-1.client_id': 'one', 'team-2.client_id': 'changed', 'team-3.client_id': 'new' });
    await vi.waitFor(() => expect([second.mock.calls.length, third.mock.calls.length]).toEqual([1, 1]), 5000);
    expect(first).not.toHaveBeenCalled();
    for (const stop of stops) stop();
    mount({ 'team-1.client_id': 'later' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(first).not.toHaveBeenCalled();
  });

  it('looks at the volume once for all of them', () => {
    mount({ 'team-1.client_id': 'one' });
    const watched: string[] = [];
    const watch: WatchFunction = (folder) => {
      watched.push(folder);
      return () => undefined;
    };
    const source = createDirectoryCredentialSource(root, { watch });
    const stops = Array.from({ length: 200 }, (_, index) => source.watch(`team-${index}`, () => undefined));
    expect(watched).toEqual([root, join(root, '.shared')]);
    for (const stop of stops) stop();
  });

  it('follows a credential that gets its own folder', async () => {
    mount({ 'team-1.client_id': 'one' });
    const source = createDirectoryCredentialSource(root, { poll: 50 });
    const changed = vi.fn<() => void>();
    const stop = source.watch('team-1', changed);
    putOwn('team-1', 'client_id', 'own');
    await vi.waitFor(() => expect(changed).toHaveBeenCalled(), 5000);
    expect(await valuesOf('team-1')).toEqual({ client_id: 'own' });
    stop();
  });
});
