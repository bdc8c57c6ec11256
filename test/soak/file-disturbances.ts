import { closeSync, existsSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../src/core/errors.ts';

const CHUNK = Buffer.alloc(4096, 'x');

/** Of the state that is current. */
function currentState(volume: string): string | undefined {
  try {
    return join(volume, readlinkSync(join(volume, '..data')));
  } catch {
    return undefined;
  }
}

/** Each returns whether there was anything to do. */
export function deleteKeys(volume: string): boolean {
  const state = currentState(volume);
  if (state === undefined || !existsSync(state)) return false;
  for (const key of readdirSync(state)) rmSync(join(state, key));
  return true;
}

export function deleteVolume(volume: string): boolean {
  if (!existsSync(volume)) return false;
  rmSync(volume, { recursive: true, force: true });
  return true;
}

const DAMAGES: readonly ((text: Buffer) => Buffer)[] = [
  () => Buffer.alloc(0),
  (text) => text.subarray(0, text.length / 2),
  () => Buffer.from([0, 255, 254, 13, 10, 0]),
  () => Buffer.from('{"access_token": 1}'),
];

/** `draw` chooses how: empty, cut off, binary, or another document. */
export function damageFiles(volume: string, draw: number): boolean {
  const state = currentState(volume);
  if (state === undefined || !existsSync(state)) return false;
  const damage = DAMAGES[Math.floor(draw * 1000) % DAMAGES.length];
  for (const key of readdirSync(state)) writeFileSync(join(state, key), damage?.(Buffer.alloc(100, '{"a":')) ?? '');
  return true;
}

/** Fills the file system, which must be small. Returns what frees it. */
export function fillDisk(folder: string): () => void {
  const path = join(folder, 'filler');
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, CHUNK);
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  return () => rmSync(path, { force: true });
}
