import { gunzipSync, gzipSync } from 'node:zlib';

const BLOCK = 512;
const SIZE = { from: 124, to: 136 };
const TIME = { from: 136, to: 148 };
const CHECKSUM = { from: 148, to: 156 };

/**
 * Returns the `.tgz` with every entry at this time (seconds since the Unix epoch), and without the time of the gzip
 * header. helm writes the current time into both, so that two packages of one commit differ.
 */
export function withTime(tgz: Buffer, seconds: number): Buffer {
  const tar = gunzipSync(tgz);
  let at = 0;
  while (at + BLOCK <= tar.length && tar[at] !== 0) {
    const header = tar.subarray(at, at + BLOCK);
    header.write(octal(seconds, TIME), TIME.from, 'latin1');
    header.fill(' ', CHECKSUM.from, CHECKSUM.to);
    const sum = header.reduce((total, byte) => total + byte, 0);
    // Six digits, NUL, space: as every tar writes it.
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM.from, 'latin1');
    const size = Number.parseInt(header.toString('latin1', SIZE.from, SIZE.to), 8) || 0;
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return gzipSync(tar, { level: 9 });
}

function octal(value: number, { from, to }: { readonly from: number; readonly to: number }): string {
  return `${value.toString(8).padStart(to - from - 1, '0')}\0`;
}
