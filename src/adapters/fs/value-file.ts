import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { systemCode, UsageError } from '../../core/errors.ts';
import { modeOpenToAll } from './control.ts';
import { mayPass, storeFault } from './file-faults.ts';

/** The largest file that holds one value. */
const MOST_VALUE_BYTES = 64 * 1024;

const CONTROL = /\p{Cc}/u;
const CONTROL_BUT_LINES = /[^\P{Cc}\n\r\t]/u;

/** Cuts one line break at the end, which editors and `echo` add. */
export function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/**
 * What is wrong with a value, the end of a sentence, or `undefined`. `lines`: line breaks and tabs may be in it, as in
 * PEM. Elsewhere a control character is always an accident of copying, which the authorization server would answer
 * with a mere "wrong password".
 */
export function faultOfValue(value: string, { lines = false }: { lines?: boolean } = {}): string | undefined {
  if (value.trim() === '') return 'is empty. Write the value into it';
  if (Buffer.byteLength(value) > MOST_VALUE_BYTES) return 'is larger than 64 KiB. Write only the value into it';
  if (value.includes('\0')) return 'is binary. Write the value into it as UTF-8 text';
  if (!(lines ? CONTROL_BUT_LINES : CONTROL).test(value)) return undefined;
  if (/[\r\n]/.test(value) && !lines) return 'has more than one line. Write only the value into it';
  return 'contains a control character. Write the value again without it';
}

/**
 * The text of a file that holds one value, without the line break at its end and a byte order mark. `undefined` where
 * it is missing. Throws UsageError, a sentence that names the file (as `shownAs`) and never quotes it: a folder, too
 * large, not UTF-8, unreadable. Throws StoreError where the system failed in a way that may pass (EMFILE, EIO).
 *
 * Synchronous, because these files are small and on a local volume: so they are read even where slow name look-ups
 * have taken all threads of the pool.
 */
export function readValueFile(path: string, shownAs = path): string | undefined {
  let bytes: Buffer | undefined;
  try {
    bytes = readSome(path);
  } catch (error) {
    const code = systemCode(error) ?? 'no code';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (mayPass(error)) throw storeFault(`The file ${shownAs} cannot be read`, error);
    throw new UsageError(`The file ${shownAs} cannot be read (${code}). ${remedyOf(code)}`);
  }
  if (bytes === undefined) throw new UsageError(`${shownAs} is no file. Put a file with the value in its place.`);
  if (bytes.length > MOST_VALUE_BYTES) {
    throw new UsageError(`The file ${shownAs} is larger than 64 KiB. Write only the value into it.`);
  }
  try {
    return withoutNewline(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new UsageError(`The file ${shownAs} is binary. Write the value into it as UTF-8 text.`);
  }
}

/** Rejects a file with a secret that every user of this machine can read. Throws UsageError. */
export function checkClosed(path: string, shownAs = path): void {
  const mode = modeOpenToAll(path);
  if (mode === undefined) return;
  throw new UsageError(
    `The file ${shownAs} can be read by every user of this machine (mode ${mode}). Run: chmod o-r ${shownAs}. Where it is mounted, mount it with the mode 0440.`,
  );
}

/** At most one byte more than a value may have; `undefined` of what is no plain file. */
function readSome(path: string): Buffer | undefined {
  // Opening a FIFO would otherwise wait for its writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return undefined;
    const buffer = Buffer.alloc(Math.min(stats.size, MOST_VALUE_BYTES + 1));
    return buffer.subarray(0, readSync(file, buffer));
  } finally {
    closeSync(file);
  }
}

/** Returns a sentence that says what to do after the system rejected a read. */
export function remedyOf(code: string): string {
  if (code !== 'EACCES' && code !== 'EPERM') return 'Look at the volume.';
  const user = process.getuid?.();
  return `Let the user of this process${user === undefined ? '' : ` (uid ${user})`} read it.`;
}
