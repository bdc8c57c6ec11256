import { chmodSync, chownSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlled, keptApart } from '../../src/adapters/fs/folders.ts';
import { UsageError } from '../../src/core/errors.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
  for (const folder of ['tokens/below', 'tokens-of-others', 'credentials/below']) {
    mkdirSync(join(directory.path, folder), { recursive: true });
  }
  symlinkSync('tokens/below', join(directory.path, 'link'));
});
afterEach(() => directory.remove());

describe('the folder of tokens and one of secrets', () => {
  it.each([
    ['tokens', 'credentials'],
    ['tokens', 'tokens-of-others'],
    ['tokens/below', 'tokens-of-others'],
    ['link', 'credentials'],
  ])('can be %s and %s', (tokens, secrets) => {
    const at = (name: string): string => join(directory.path, name);
    expect(() => keptApart(at(tokens), { '--state': at(secrets) })).not.toThrow();
  });

  it.each([
    ['tokens', 'tokens'],
    ['tokens', 'tokens/below'],
    ['credentials/below', 'credentials'],
    ['tokens', 'link'],
    ['.', 'credentials'],
  ])('cannot contain each other, as %s and %s', (tokens, secrets) => {
    const at = (name: string): string => join(directory.path, name);
    const check = (): void => keptApart(at(tokens), { '--state': at(secrets) });
    expect(check).toThrow(UsageError);
    expect(check).toThrow('(--state) contain one another');
  });
});

describe('the folder of tokens', () => {
  it.each([0o700, 0o750, 0o755, 0o2750])('is accepted with mode %o', (mode) => {
    const folder = join(directory.path, 'tokens');
    chmodSync(folder, mode);
    expect(controlled(folder, '--token-directory')).toBe(folder);
  });

  it.each([
    [0o770, 'can be written by its group (mode 0770)'],
    [0o2770, 'can be written by its group (mode 2770)'],
    [0o1777, 'can be written by every user (mode 1777)'],
  ])('is rejected with mode %o', (mode, said) => {
    const folder = join(directory.path, 'tokens');
    chmodSync(folder, mode);
    const check = (): string => controlled(folder, '--token-directory');
    expect(check).toThrow(UsageError);
    expect(check).toThrow(`The folder ${folder} (--token-directory) ${said}.`);
  });

  it.runIf(process.getuid?.() === 0)('is rejected if it belongs to another user', () => {
    const folder = join(directory.path, 'tokens');
    chownSync(folder, 22_002, 22_002);
    expect(() => controlled(folder, '--token-directory')).toThrow('belongs to the user 22002');
  });
});
