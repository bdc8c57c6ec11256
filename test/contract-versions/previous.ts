import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const RELEASED = join(import.meta.dirname, 'released');
const PACKED = /^token-acquirer-client-(.+)\.tgz$/;

/**
 * Puts the sources of the commit before the last into the folder, to be run as they are. `false` where the checkout has
 * no history.
 */
export function checkOutPrevious(folder: string): boolean {
  try {
    const archive = execFileSync('git', ['-C', ROOT, 'archive', 'HEAD~1', 'src', 'package.json'], {
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    mkdirSync(folder, { recursive: true });
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
  } catch {
    return false;
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return true;
}

/** Those whose client library is kept. */
export function releasedVersions(): readonly string[] {
  return globSync('*.tgz', { cwd: RELEASED }).map((file) => PACKED.exec(file)?.[1] ?? file);
}

/** Unpacks the client library that was released as this version; the path of its module. */
export function releasedClient(version: string, folder: string): string {
  const packed = join(RELEASED, `token-acquirer-client-${version}.tgz`);
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', packed, '-C', folder]);
  return join(folder, 'package/index.js');
}
