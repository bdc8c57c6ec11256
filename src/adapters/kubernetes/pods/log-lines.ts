import type { EpochMs } from '../../../core/token.ts';

/** As much of a line is kept. A container runtime cuts lines at the same length. */
const LONGEST_LINE = 16 * 1024;
const NEW_LINE = 10;
const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) /;
const LONGEST_STAMP = 40;

/** A moment as the log API states it, to the nanosecond. */
export interface Stamp {
  readonly at: EpochMs;
  /** Of the second, as nine digits. */
  readonly fraction: string;
}

/** Splits the output of the log API with `timestamps=true` into lines. Keeps no more than the beginning of one line. */
export class LogLines {
  readonly #parts: Buffer[] = [];
  #length = 0;

  /** Calls back with each line that this chunk ends, and returns their number. The line is valid during the call only. */
  push(chunk: Buffer, each: (line: Buffer) => void): number {
    let start = 0;
    let count = 0;
    for (let end = chunk.indexOf(NEW_LINE); end !== -1; end = chunk.indexOf(NEW_LINE, start)) {
      each(this.#complete(chunk.subarray(start, end)));
      start = end + 1;
      count += 1;
    }
    this.#keep(chunk.subarray(start));
    return count;
  }

  #complete(rest: Buffer): Buffer {
    if (this.#length === 0) return rest.subarray(0, LONGEST_LINE);
    this.#keep(rest);
    const line = Buffer.concat(this.#parts);
    this.#parts.length = 0;
    this.#length = 0;
    return line;
  }

  /** Copies, because a small part would keep its whole chunk in memory. */
  #keep(part: Buffer): void {
    const kept = part.subarray(0, LONGEST_LINE - this.#length);
    if (kept.length === 0) return;
    this.#parts.push(Buffer.from(kept));
    this.#length += kept.length;
  }
}

/** Returns when the line was written, and where its text begins; `undefined` for a line without a time. */
export function stampOf(line: Buffer): { readonly stamp: Stamp; readonly length: number } | undefined {
  const [stamp, second = '', fraction = '', zone = ''] = STAMP.exec(line.toString('latin1', 0, LONGEST_STAMP)) ?? [];
  if (stamp === undefined) return undefined;
  const digits = fraction.padEnd(9, '0');
  const at = Date.parse(`${second}.${digits.slice(0, 3)}${zone}`);
  return { stamp: { at, fraction: digits }, length: stamp.length };
}

/** Whether the first moment is after the second. */
export function isAfter(one: Stamp, other: Stamp | undefined): boolean {
  if (other === undefined || one.at !== other.at) return other === undefined || one.at > other.at;
  return one.fraction > other.fraction;
}
