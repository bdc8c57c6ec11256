import { availableParallelism } from 'node:os';
import { takePlace } from '../real/install/lock.ts';
import { LEDGER_VARIABLE } from './secrets.ts';

const KEPT = Symbol.for('token-acquirer.test.place');

/**
 * Waits for a place of this kind, and keeps it for all files of the process. The name holds the run's own folder,
 * because other runs have their own places.
 */
export async function keepPlace(kind: string, perCore: number): Promise<void> {
  if (Reflect.has(globalThis, KEPT)) return;
  const run = process.env[LEDGER_VARIABLE] ?? '';
  const names = Array.from({ length: perCore * availableParallelism() }, (_, place) => `${run} ${kind} ${place}`);
  Reflect.set(globalThis, KEPT, await takePlace(names));
}
