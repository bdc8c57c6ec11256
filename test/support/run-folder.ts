import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { OUTPUTS_VARIABLE } from './outputs.ts';
import { LEDGER_VARIABLE } from './secrets.ts';

/** Returns the folder of this run for its secrets and outputs, and creates it at the first call. */
export function runFolder(): string {
  // A test starts other runs, which inherit the variables of the run around them.
  const prefix = join(tmpdir(), `token-acquirer-test-${process.pid}-`);
  const ledger = process.env[LEDGER_VARIABLE] ?? '';
  if (ledger.startsWith(prefix)) return dirname(ledger);
  const folder = mkdtempSync(prefix);
  process.env[LEDGER_VARIABLE] = join(folder, 'secrets.jsonl');
  process.env[OUTPUTS_VARIABLE] = join(folder, 'outputs');
  writeFileSync(process.env[LEDGER_VARIABLE], '', { mode: 0o600 });
  mkdirSync(process.env[OUTPUTS_VARIABLE], { mode: 0o700 });
  return folder;
}
