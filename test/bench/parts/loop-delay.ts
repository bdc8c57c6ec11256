// Loaded into a token-acquirer before its program: answers how late its event loop was since the last question.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds. */
export interface LoopDelay {
  readonly p99: number;
  readonly most: number;
}

const RESOLUTION = 10;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
delay.enable();
const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
process.on('message', () => {
  const answer: LoopDelay = { p99: late(delay.percentile(99)), most: late(delay.max) };
  delay.reset();
  process.send?.(answer, undefined, {}, () => {});
});
process.channel?.unref();
