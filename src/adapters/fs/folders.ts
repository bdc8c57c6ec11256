import { accessSync, constants, mkdirSync } from 'node:fs';
import { systemCode, UsageError } from '../../core/errors.ts';

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
