// Swaps volumes as the kubelet does, in its own thread.
import { parentPort } from 'node:worker_threads';
import { AtomicWriter } from '../../support/atomic-writer.ts';

export interface Swap {
  readonly id: number;
  readonly directory: string;
  readonly payload: Readonly<Record<string, string>>;
}

/** When the swap began, on the machine's monotonic clock. */
export interface Swapped {
  readonly id: number;
  readonly at: number;
}

parentPort?.on('message', ({ id, directory, payload }: Swap) => {
  const writer = new AtomicWriter(directory);
  const at = Number(process.hrtime.bigint()) / 1e6;
  writer.write(payload);
  const swapped: Swapped = { id, at };
  parentPort?.postMessage(swapped);
});
