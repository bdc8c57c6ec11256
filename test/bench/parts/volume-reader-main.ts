// A client whose volumes are swapped while it holds their tokens: how long until it has the new one?
import { mkdtempSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { mountedTokenVolume } from '../../../src/adapters/fs/mounted-token-volume.ts';
import { createSystemClock } from '../../../src/adapters/node/system-clock.ts';
import { createSystemRandom } from '../../../src/adapters/node/system-random.ts';
import { openFileTokenSource } from '../../../src/client/file-token-source.ts';
import type { TokenSource } from '../../../src/client/token-source.ts';
import { systemCode } from '../../../src/core/errors.ts';
import type { Token } from '../../../src/core/token.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { freshToken } from '../../support/client-side.ts';
import { servePart } from './part.ts';
import type { Swap, Swapped } from './volume-writer-main.ts';

export interface ReaderInstructions {
  readonly root: string;
  /** Makes every watch fail, where the system's own cannot be made to. */
  readonly refuseWatches: boolean;
}

export interface ReaderReady {
  /** What `fs.watch` does in this process: `works`, or the code of its failure. */
  readonly watch: string;
}

export interface SwapOrder {
  readonly volumes: number;
  /** For each volume. */
  readonly swaps: number;
  /** Between a token that was seen and the next swap: a time by chance, at most this many milliseconds. */
  readonly rest: number;
}

export interface SwapReport {
  /** Milliseconds from the beginning of a swap to its token being the current one; those that were seen. */
  readonly delays: readonly number[];
  readonly missed: number;
}

const KEY = 'dynamics';
/** As mountedTokens sets it. */
const POLL = 1000;
const PATIENCE = 5 * POLL;

type Write = (directory: string, token: Token) => Promise<number>;

servePart<ReaderInstructions, SwapOrder>(async (instructions) => {
  const { root, refuseWatches } = instructions;
  const write = createWriter();
  const ready: ReaderReady = { watch: refuseWatches ? 'EMFILE' : watchability(root) };
  return {
    ready,
    async answer(order) {
      const { volumes, swaps } = order;
      const delays = await Promise.all(Array.from({ length: volumes }, () => swapVolume(instructions, write, order)));
      const seen = delays.flat();
      const report: SwapReport = { delays: seen, missed: volumes * swaps - seen.length };
      return report;
    },
  };
});

function watchability(directory: string): string {
  try {
    watch(directory).close();
    return 'works';
  } catch (error) {
    return systemCode(error) ?? 'fails';
  }
}

/** One volume, swapped again and again; the delays of the swaps that were seen. */
async function swapVolume(
  { root, refuseWatches }: ReaderInstructions,
  write: Write,
  { swaps, rest }: SwapOrder,
): Promise<number[]> {
  const directory = mkdtempSync(join(root, 'volume-'));
  let token = freshToken();
  await write(directory, token);
  const source = openSource(directory, refuseWatches);
  await source.ready();
  const delays: number[] = [];
  for (let swap = 0; swap < swaps; swap += 1) {
    await pause(Math.random() * rest);
    const before = token.sha256;
    token = freshToken({ issuedAt: token.issuedAt + 1 });
    // Rejects where patience ends first.
    const seen = source.replace(before).then(now, () => undefined);
    const [began, at] = await Promise.all([write(directory, token), seen]);
    if (at !== undefined && source.current().sha256 === token.sha256) delays.push(at - began);
  }
  source.close();
  return delays;
}

function openSource(directory: string, refuseWatches: boolean): TokenSource {
  const refuse = (): never => {
    throw Object.assign(new Error('No watch is to be had.'), { code: 'EMFILE' });
  };
  const volume = mountedTokenVolume(directory, { poll: POLL, ...(refuseWatches && { watch: refuse }) });
  const onFault = (fault: Error): void => {
    throw fault;
  };
  const common = { clock: createSystemClock(), random: createSystemRandom(), reissuer: undefined, onFault };
  return openFileTokenSource({ ...common, name: KEY, key: KEY, volume, rereadFor: PATIENCE });
}

/** Has the thread write; resolves with the moment at which the swap began. */
function createWriter(): Write {
  const worker = new Worker(new URL('./volume-writer-main.ts', import.meta.url));
  const waiting = new Map<number, (at: number) => void>();
  let last = 0;
  worker.on('message', ({ id, at }: Swapped) => {
    waiting.get(id)?.(at);
    waiting.delete(id);
  });
  return (directory, token) => {
    last += 1;
    const swap: Swap = { id: last, directory, payload: toVolumeData(KEY, token) };
    return new Promise((resolve) => {
      waiting.set(swap.id, resolve);
      worker.postMessage(swap);
    });
  };
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
