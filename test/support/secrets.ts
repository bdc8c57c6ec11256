import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';

/** The file that gathers every secret of this run; the closing reporter greps all outputs for them. */
const LEDGER = process.env['TOKEN_ACQUIRER_TEST_SECRETS'];

/** Registers a secret that must appear in no log, error, metric or argument list of the whole run. */
export function registerSecret(value: string): string {
  if (LEDGER !== undefined && value.length >= 16) appendFileSync(LEDGER, `${value}\n`, { mode: 0o600 });
  return value;
}

/** A secret of its own for each call, recognisable wherever it leaks. */
export function secret(label: string): string {
  return registerSecret(`canary-${label}-${randomBytes(12).toString('hex')}`);
}
