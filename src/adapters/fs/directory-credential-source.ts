import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CREDENTIAL_KEYS, type Credential, type CredentialKey, INTERVAL_KEY } from '../../core/credential.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { messageOf, StoreError, UsageError } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import { faultOfNames, noSuchFolder, readFolder } from './credential-folder.ts';
import { CredentialWatches } from './credential-watches.ts';
import type { WatchFunction } from './watch-directory.ts';

export interface DirectoryCredentialSourceOptions {
  /** How often to look where `fs.watch` is silent, 2000 ms by default. */
  readonly poll?: Ms;
  /** Instead of `fs.watch`. */
  readonly watch?: WatchFunction;
}

/**
 * Credentials in `<root>/<credential>/`, one file a value, plain or as a Secret volume lays them out; read afresh each
 * time, all values from one state of the volume. One line break at the end of a file is cut.
 *
 * Refused, as a UsageError that names the file and what to do: a folder that is not there or holds no credential, a
 * file that is empty, binary, over 64 KiB or unreadable, a line break or control character within a value other than
 * `private_key` and `certificate`, and a name that is almost that of a key. Other files are ignored. A failure of the
 * system that may pass (too many open files, a failing disk) is a StoreError.
 */
export function createDirectoryCredentialSource(
  root: string,
  options: DirectoryCredentialSourceOptions = {},
): CredentialSource {
  // Of this process alone, so that a fingerprint that reached a log would say nothing to whoever guesses passwords.
  const key = randomBytes(32);
  async function read(credential: string): Promise<Credential> {
    const values = readValues(root, credential);
    const fingerprint = createHmac('sha256', key).update(JSON.stringify(values)).digest('hex');
    const redacted = values.map(([name, value]) => [name, new Redacted(value)] as const);
    return { name: credential, values: Object.fromEntries(redacted), fingerprint };
  }

  function stateOf(credential: string): string | undefined {
    const told = [() => readValues(root, credential), () => readInterval(root, credential)].map(tell);
    if (told.includes(UNKNOWN)) return undefined;
    return createHmac('sha256', key).update(JSON.stringify(told)).digest('hex');
  }

  const watches = new CredentialWatches(root, { ...options, stateOf });
  return {
    read,
    interval: async (credential) => readInterval(root, credential),
    watch: (credential, changed) => watches.add(credential, changed),
  };
}

function readValues(root: string, credential: string): readonly (readonly [CredentialKey, string])[] {
  const folder = readFolder(root, credential, CREDENTIAL_KEYS);
  if (folder === undefined) throw noSuchFolder(root, credential);
  const fault = faultOfNames(join(root, credential), folder.names);
  if (fault !== undefined) throw fault;
  return CREDENTIAL_KEYS.flatMap((key) => {
    const value = folder.values.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
}

function readInterval(root: string, credential: string): Ms | undefined {
  const text = readFolder(root, credential, [INTERVAL_KEY])?.values.get(INTERVAL_KEY);
  if (text === undefined) return undefined;
  const interval = parseDuration(text.trim());
  if (interval !== undefined) return interval;
  const path = join(root, credential, INTERVAL_KEY);
  throw new UsageError(`The file ${path} holds no duration. Write ${DURATION_FORM} into it, or remove it.`);
}

/** What a file system that fails at the moment says of a credential. */
const UNKNOWN = Symbol('unknown');

/** A value or a fault, to be compared. */
function tell(read: () => unknown): unknown {
  try {
    return read() ?? null;
  } catch (error) {
    if (error instanceof StoreError) return UNKNOWN;
    return messageOf(error);
  }
}
