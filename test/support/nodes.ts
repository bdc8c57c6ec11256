import { execFileSync } from 'node:child_process';
import { delimiter } from 'node:path';

/** The machine's own Node: the first on the PATH that is not this project's. */
export function nodeFromPath(): { readonly path: string; readonly version: string } {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: folders.join(delimiter) };
  const script = 'process.stdout.write(JSON.stringify({ path: process.execPath, version: process.versions.node }))';
  return JSON.parse(execFileSync('node', ['-e', script], { env, encoding: 'utf8' })) as ReturnType<typeof nodeFromPath>;
}
