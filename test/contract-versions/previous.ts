import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

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

/** Unpacks the client library that was released as this version; the path of its module. */
export function releasedClient(version: string, folder: string): string {
  const packed = join(import.meta.dirname, `released/token-acquirer-client-${version}.tgz`);
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', packed, '-C', folder]);
  return join(folder, 'package/index.js');
}
