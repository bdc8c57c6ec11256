import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginCluster } from './cluster/run.ts';
import { keepArgumentLists } from './support/argument-lists.ts';
import { OUTPUTS_VARIABLE } from './support/outputs.ts';
import { LEDGER_VARIABLE } from './support/secrets.ts';

/** Gives the run a folder of its own for its secrets and outputs; `closing-line.ts` searches the latter for the former. */
export default function setUp(): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-test-'));
  process.env[LEDGER_VARIABLE] = join(folder, 'secrets.jsonl');
  process.env[OUTPUTS_VARIABLE] = join(folder, 'outputs');
  writeFileSync(process.env[LEDGER_VARIABLE], '', { mode: 0o600 });
  mkdirSync(process.env[OUTPUTS_VARIABLE], { mode: 0o700 });
  const stop = keepArgumentLists();
  const endCluster = beginCluster();
  return async () => {
    stop();
    await endCluster();
    delete process.env[LEDGER_VARIABLE];
    delete process.env[OUTPUTS_VARIABLE];
    rmSync(folder, { recursive: true, force: true });
  };
}
