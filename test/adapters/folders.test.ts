import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptApart } from '../../src/adapters/fs/folders.ts';
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
  ])('lie side by side: %s and %s', (tokens, secrets) => {
    const at = (name: string): string => join(directory.path, name);
    expect(() => keptApart(at(tokens), { '--state': at(secrets) })).not.toThrow();
  });

  it.each([
    ['tokens', 'tokens'],
    ['tokens', 'tokens/below'],
    ['credentials/below', 'credentials'],
    ['tokens', 'link'],
    ['.', 'credentials'],
  ])('may not hold one another: %s and %s', (tokens, secrets) => {
    const at = (name: string): string => join(directory.path, name);
    const check = (): void => keptApart(at(tokens), { '--state': at(secrets) });
    expect(check).toThrow(UsageError);
    expect(check).toThrow('(--state) hold one another');
  });
});
