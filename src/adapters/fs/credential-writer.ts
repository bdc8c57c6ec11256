import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EXPIRY_KEY, INTERVAL_KEY, SET_KEYS } from '../../core/credential.ts';
import { EXPIRY_FORM, parseExpiry } from '../../core/credential-expiry.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { systemCode, UsageError } from '../../core/errors.ts';
import { checkFolderName, checkValue, otherFolders, readFolder } from './credential-folder.ts';
import { withoutNewline } from './value-file.ts';
import { DATA_LINK } from './watch-directory.ts';

const KEYS: readonly string[] = [...SET_KEYS, INTERVAL_KEY];

/**
 * Writes one value of `<root>/<credential>/`, file 0600, folders 0700 made if missing, so that a reader sees the old
 * value or the new one, and so that it outlives a power cut. One line break at the end is cut.
 *
 * Throws UsageError for a key that is not read, a value that would be rejected when read, a folder with a mounted Secret, or
 * missing permissions.
 */
export async function writeCredentialValue(
  root: string,
  credential: string,
  key: string,
  value: string,
): Promise<void> {
  checkFolderName(credential);
  const text = checkedValue(key, value);
  refuseMounted(root, credential);
  const folder = join(root, credential);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await replace(folder, key, text);
  } catch (error) {
    throw new UsageError(
      `The file ${join(folder, key)} cannot be written (${systemCode(error) ?? 'no code'}). ${REMEDY}`,
    );
  }
}

/** Throws UsageError, with the credentials that exist, where `<root>/<credential>/` does not. */
export function checkCredentialExists(root: string, credential: string): void {
  if (readFolder(root, credential, []) !== undefined) return;
  throw new UsageError(
    `${root} has no credential folder of this name, so nothing was written. ${otherFolders(root)} Correct the name, or set its values first: token-acquirer credentials set CREDENTIAL --credentials ${root}.`,
  );
}

/** The value as it is to be kept, without a line break at its end. Throws UsageError, as `writeCredentialValue` does. */
export function checkedValue(key: string, value: string): string {
  if (!KEYS.includes(key)) {
    throw new UsageError(`${JSON.stringify(key)} is not a valid key of a credential. Valid keys: ${KEYS.join(', ')}.`);
  }
  const text = withoutNewline(value);
  checkValue(`The value of ${key}`, key, text);
  if (key === INTERVAL_KEY && parseDuration(text) === undefined) {
    throw new UsageError(`The value of ${key} is no duration. Write ${DURATION_FORM}.`);
  }
  if (key === EXPIRY_KEY && parseExpiry(text) === undefined) {
    throw new UsageError(`The value of ${key} is no time. Write ${EXPIRY_FORM} without anything else.`);
  }
  return text;
}

const REMEDY = 'Give the user of this process write permission for its folder, and check that the disk has space.';

/** What is written into a Secret volume is not in the Secret, and is gone with the next change of it. */
function refuseMounted(root: string, credential: string): void {
  for (const directory of [root, join(root, credential)]) {
    if (!existsSync(join(directory, DATA_LINK))) continue;
    throw new UsageError(
      `${directory} is a mounted Secret, which would take the value back. Change the Secret instead, with kubectl or where it comes from.`,
    );
  }
}

async function replace(folder: string, key: string, text: string): Promise<void> {
  const temporary = join(folder, `.${key}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(folder, key));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
