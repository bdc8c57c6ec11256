import { execFileSync } from 'node:child_process';
import { delimiter } from 'node:path';

/** Returns the machine's own Node: the first on the PATH outside this project. */
export function nodeFromPath(): { readonly path: string; readonly version: string } {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: folders.join(delimiter) };
  const script = 'process.stdout.write(JSON.stringify({ path: process.execPath, version: process.versions.node }))';
  return JSON.parse(execFileSync('node', ['-e', script], { env, encoding: 'utf8' })) as ReturnType<typeof nodeFromPath>;
}
