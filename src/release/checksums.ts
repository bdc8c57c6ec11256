import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export const CHECKSUMS = 'SHA256SUMS';

/** A file of the release. */
export interface Artifact {
  readonly name: string;
  readonly sha256: string;
}

/** Returns the files of the folder with their SHA-256, by name. */
export async function artifactsIn(folder: string): Promise<readonly Artifact[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && entry.name !== CHECKSUMS).map(({ name }) => name);
  return Promise.all(names.toSorted().map(async (name) => ({ name, sha256: await sha256Of(join(folder, name)) })));
}

/** Returns what `sha256sum --check` reads. */
export function checksumsText(artifacts: readonly Artifact[]): string {
  return artifacts.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
}

/** Returns the SHA-256 of a file. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
