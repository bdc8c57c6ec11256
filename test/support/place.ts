import { availableParallelism } from 'node:os';
import { takePlace } from '../real/install/lock.ts';
import { LEDGER_VARIABLE } from './secrets.ts';

// Loaded before each test file that computes. At most one per core runs at a time, whereas
// files that wait for the cluster run next to them. The name holds the run's own folder, because other runs have their own places.
const KEPT = Symbol.for('token-acquirer.test.place');
const run = process.env[LEDGER_VARIABLE] ?? '';
const names = Array.from({ length: availableParallelism() }, (_, place) => `${run} ${place}`);

// A process keeps its place for all its files.
if (!Reflect.has(globalThis, KEPT)) Reflect.set(globalThis, KEPT, await takePlace(names));
