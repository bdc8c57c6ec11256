import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';

/** A secret of this run: the check searches for the value and reports the label. */
export interface RegisteredSecret {
  readonly label: string;
  readonly value: string;
}

/** The minimum length. Shorter values would be found by chance. */
export const SHORTEST_SECRET = 16;

/** Names the file that collects every secret of this run. At the end, all outputs are searched for them. */
export const LEDGER_VARIABLE = 'TOKEN_ACQUIRER_TEST_SECRETS';

const own: RegisteredSecret[] = [];

/** Registers a secret that must appear in no log, error, metric or argument list of the whole run. */
export function registerSecret(value: string, label = 'a token or key of a test'): string {
  if (value.length < SHORTEST_SECRET) return value;
  own.push({ label, value });
  const ledger = process.env[LEDGER_VARIABLE];
  if (ledger !== undefined) appendFileSync(ledger, `${JSON.stringify({ label, value })}\n`, { mode: 0o600 });
  return value;
}

/** Makes a new secret for each call, recognizable wherever it leaks. */
export function secret(label: string): string {
  return registerSecret(`canary-${label}-${randomBytes(12).toString('hex')}`, label);
}

/** Returns the secrets that this process has registered. To search for those of a whole run takes seconds. */
export function ownSecrets(): readonly RegisteredSecret[] {
  return own;
}

/** Returns the secrets that a ledger contains so far. */
export function readLedger(file: string): RegisteredSecret[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RegisteredSecret);
}
