import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Outcome } from '../fixtures/unprivileged.ts';

const CHILD = join(import.meta.dirname, '../fixtures/unprivileged.ts');
const NOBODY = 65_534;

/**
 * Runs a scenario of `fixtures/unprivileged.ts` in a process that permissions restrict. They do not restrict root, so
 * if the tests run as root the child becomes nobody first.
 */
export async function unprivileged(scenario: string, path: string): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, scenario, path], { timeout: 15_000 });
  return JSON.parse(stdout) as Outcome;
}

/** Gives a file or directory to the user of `unprivileged`. */
export async function giveAway(path: string): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, NOBODY, NOBODY);
}
