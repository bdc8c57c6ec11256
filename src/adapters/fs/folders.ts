import { accessSync, constants, mkdirSync, realpathSync, statSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { systemCode, UsageError } from '../../core/errors.ts';
import { foreignControlOf, remedyOfControl } from './control.ts';

/** The folder, if it can be listed. Throws UsageError. */
export function readable(folder: string, option: string): string {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return folder;
  } catch (error) {
    throw new UsageError(
      `The folder ${folder} cannot be read (${systemCode(error) ?? 'failed'}); name another one with ${option}.`,
    );
  }
}

/** The folder, made with `mode` if it is missing, if files can be made in it. Throws UsageError. */
export function writable(folder: string, option: string, mode = 0o700): string {
  try {
    mkdirSync(folder, { recursive: true, mode });
    accessSync(folder, constants.W_OK | constants.X_OK);
    return folder;
  } catch (error) {
    throw new UsageError(
      `The folder ${folder} cannot be written (${systemCode(error) ?? 'failed'}); make it writable for this user, or name another one with ${option}.`,
    );
  }
}

/** Rejects a token directory that somebody else owns or can write to. Throws UsageError. */
export function controlled(folder: string, option: string): string {
  const control = foreignControlOf(statSync(folder));
  if (control === undefined) return folder;
  throw new UsageError(
    `The folder ${folder} (${option}) ${control}. ${remedyOfControl(folder)} Or name another folder with ${option}.`,
  );
}

/**
 * Rejects folders of which one contains the other: anyone who may read the tokens would find credentials there. Both must
 * exist. Throws UsageError.
 */
export function keptApart(tokens: string, secrets: Readonly<Record<string, string>>): void {
  const open = realpathSync(tokens);
  for (const [option, folder] of Object.entries(secrets)) {
    const closed = realpathSync(folder);
    if (!holds(open, closed) && !holds(closed, open)) continue;
    throw new UsageError(
      `The folders ${tokens} (--token-directory) and ${folder} (${option}) contain one another, so anyone who may read tokens could find credentials: name separate folders.`,
    );
  }
}

function holds(folder: string, other: string): boolean {
  const path = relative(folder, other);
  return path === '' || !(path === '..' || path.startsWith(`..${sep}`));
}
