import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = join(import.meta.dirname, '../..');
const MEMBER = /^ {2}readonly oauth: .*$/m;
const VOUCHER =
  '  readonly voucher: { readonly settings: { readonly counter: string }; readonly demand: { readonly desk: number } };';

/** The files of the source that do not compile with this text in place of `src/ports/protocols.ts`. */
function filesInError(protocols: string): string[] {
  const { path, remove } = temporaryDirectory();
  try {
    cpSync(join(ROOT, 'src'), join(path, 'src'), { recursive: true });
    for (const name of ['package.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(path, name));
    symlinkSync(join(ROOT, 'node_modules'), join(path, 'node_modules'));
    writeFileSync(join(path, 'src/ports/protocols.ts'), protocols);
    const printed = compile(path);
    return [...new Set([...printed.matchAll(/^(src\/\S+?)\(\d+,\d+\): error/gm)].map(([, file = '']) => file))];
  } finally {
    remove();
  }
}

function compile(folder: string): string {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  try {
    return execFileSync(process.execPath, [compiler, '--noEmit', '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
  } catch (error) {
    return String((error as { readonly stdout: unknown }).stdout);
  }
}

describe('another protocol', () => {
  const declared = readFileSync(join(ROOT, 'src/ports/protocols.ts'), 'utf8');

  it('is one member of the union, and then nothing but the wiring lacks it', { timeout: 120_000 }, () => {
    expect(declared).toMatch(MEMBER);
    expect(filesInError(declared.replace(MEMBER, `$&\n${VOUCHER}`))).toEqual([
      expect.stringMatching(/^src\/token-acquirer\/[-a-z]*main\.ts$/),
    ]);
  });
});
