import type { Writable } from 'node:stream';

export interface LogOutputOptions {
  /** How many bytes may wait for a reader that is slow or gone; lines beyond are dropped. 1,000,000 by default. */
  readonly most?: number;
  /** Called with the number of dropped lines, once there is room again. */
  readonly onDropped?: (lines: number) => void;
}

/**
 * Log lines to a stream that may be blocked, full or closed: none of that throws, waits, or takes more memory than
 * `most`. A disk that was full is written to again when it has room.
 */
export function createLogOutput(
  stream: Writable,
  { most = 1_000_000, onDropped }: LogOutputOptions = {},
): { write(line: string): void } {
  let dropped = 0;
  // Without a listener, a full disk or a reader that went away would end the process.
  stream.on('error', () => undefined);
  return {
    write(line) {
      if (!stream.writable || stream.writableLength + line.length > most) {
        dropped += 1;
        return;
      }
      const lost = dropped;
      dropped = 0;
      stream.write(line);
      if (lost > 0) onDropped?.(lost);
    },
  };
}
