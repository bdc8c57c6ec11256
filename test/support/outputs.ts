import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Output } from './leak-search.ts';

/** Names the folder that collects the outputs of the run and of its processes. */
export const OUTPUTS_VARIABLE = 'TOKEN_ACQUIRER_TEST_OUTPUTS';

const SUFFIX = '~';

/**
 * Keeps what a started process writes to stdout and stderr for the leak check at the end of the run. Call it right
 * after `spawn`, before anything waits, so that no output is missed; other listeners get theirs as before.
 */
export function keepOutput(child: ChildProcess, label: string): void {
  for (const [name, stream] of [
    ['stdout', child.stdout],
    ['stderr', child.stderr],
  ] as const) {
    const file = outputFile(`${name} of ${label}`, randomUUID());
    if (file !== undefined) stream?.on('data', (chunk: Buffer | string) => appendFileSync(file, chunk));
  }
}

/** Keeps a text for the leak check at the end of the run: a metrics page, a log file, an error message. */
export function keepText(label: string, text: string): void {
  const file = outputFile(label, String(process.pid));
  if (file !== undefined) appendFileSync(file, `${text}\n`);
}

/** Returns all kept outputs. Characters of a label that a file name cannot contain become `_`. */
export function* readOutputs(folder: string): Generator<Output> {
  for (const name of readdirSync(folder)) {
    yield { label: name.slice(0, name.lastIndexOf(SUFFIX)), content: readFileSync(join(folder, name)) };
  }
}

function outputFile(label: string, suffix: string): string | undefined {
  const folder = process.env[OUTPUTS_VARIABLE];
  if (folder === undefined) return undefined;
  return join(folder, `${label.replaceAll(/[^\w. -]/g, '_').slice(0, 120)}${SUFFIX}${suffix}`);
}
