import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { keepArgumentLists } from './support/argument-lists.ts';
import { OUTPUTS_VARIABLE } from './support/outputs.ts';
import { runFolder } from './support/run-folder.ts';
import { LEDGER_VARIABLE } from './support/secrets.ts';

const COMPILE_CACHE = 'NODE_COMPILE_CACHE';

/**
 * Gives every run a folder for its secrets and outputs; `closing-line.ts` searches the latter for the former. Programs that tests
 * start keep there what Node compiled, so that each start after the first takes half the processor time.
 */
export default function setUp(): () => void {
  const folder = runFolder();
  const stop = keepArgumentLists();
  process.env[COMPILE_CACHE] ??= join(folder, 'compile-cache');
  return () => {
    stop();
    if (process.env[COMPILE_CACHE]?.startsWith(folder)) delete process.env[COMPILE_CACHE];
    delete process.env[LEDGER_VARIABLE];
    delete process.env[OUTPUTS_VARIABLE];
    rmSync(folder, { recursive: true, force: true });
  };
}
