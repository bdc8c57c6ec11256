import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Writes a volume as the kubelet does when it mounts Secrets: all files (`dynamics/password` where several Secrets are
 * projected into folders) into a new directory, then one rename of `..data`.
 */
export function mountSecret(volume: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(volume, { recursive: true });
  const data = join(volume, '..data');
  const old = readLink(data);
  const state = `..2026_01_01_12_00_00.${process.hrtime.bigint()}`;
  mkdirSync(join(volume, state));
  for (const [file, value] of Object.entries(files)) {
    mkdirSync(dirname(join(volume, state, file)), { recursive: true });
    writeFileSync(join(volume, state, file), value);
  }
  symlinkSync(state, `${data}_tmp`);
  renameSync(`${data}_tmp`, data);
  // The kubelet does this last. Doing it immediately is a harder test for readers.
  if (old !== undefined) rmSync(join(volume, old), { recursive: true, force: true });
  const tops = new Set(Object.keys(files).map((file) => file.split('/')[0] ?? file));
  for (const top of tops) {
    if (readLink(join(volume, top)) === undefined) symlinkSync(join('..data', top), join(volume, top));
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
