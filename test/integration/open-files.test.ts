import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Shortage } from '../fixtures/out-of-descriptors.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CHILD = join(import.meta.dirname, '../fixtures/out-of-descriptors.ts');

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

function put(file: string, content: string): string {
  const path = join(directory.path, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Reads in a process of its own that may have 200 files open, has them all open, and then has none. */
async function shortageOf(kind: string, path: string): Promise<Shortage> {
  const script = 'ulimit -n 200 && exec "$0" "$@"';
  const args = ['-c', script, process.execPath, CHILD, kind, path];
  const { stdout } = await promisify(execFile)('/bin/sh', args, { timeout: 15_000 });
  return JSON.parse(stdout) as Shortage;
}

describe('A process that can open no further file', () => {
  it('has not lost its credential, but cannot read it at the moment', async () => {
    put('dynamics/password', secret('password'));
    const { during, afterwards } = await shortageOf('credential', directory.path);
    expect(during).toMatch(/^StoreError: The f.* cannot be read: too many files are open \(EMFILE\)\. Raise the limit/);
    expect(afterwards).toBe('password');
  });

  it('has not lost the interval of its credential either', async () => {
    put('dynamics/interval', '10m');
    const { during, afterwards } = await shortageOf('interval', directory.path);
    expect(during).toMatch(/^StoreError: .*\(EMFILE\)/);
    expect(afterwards).toBe('600000');
  });

  it('still knows the callers that it knew', async () => {
    const token = secret('caller-token');
    const shortage = await shortageOf('caller', put('billing', token));
    expect(shortage).toEqual({ during: 'billing', afterwards: 'billing', faults: [] });
  });

  it('reads the assertion of a third party later', async () => {
    const { during, afterwards } = await shortageOf('assertion', put('token', 'a.b.c'));
    expect(during).toMatch(/^TokenRequestError credential_unavailable: .*\(EMFILE\)/);
    expect(afterwards).toBe('5');
  });
});
