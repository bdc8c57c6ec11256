import { rmSync } from 'node:fs';
import { keepArgumentLists } from './support/argument-lists.ts';
import { OUTPUTS_VARIABLE } from './support/outputs.ts';
import { runFolder } from './support/run-folder.ts';
import { LEDGER_VARIABLE } from './support/secrets.ts';

/** Gives every run a folder for its secrets and outputs; `closing-line.ts` searches the latter for the former. */
export default function setUp(): () => void {
  const folder = runFolder();
  const stop = keepArgumentLists();
  return () => {
    stop();
    delete process.env[LEDGER_VARIABLE];
    delete process.env[OUTPUTS_VARIABLE];
    rmSync(folder, { recursive: true, force: true });
  };
}
