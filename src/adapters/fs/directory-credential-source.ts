import { createHmac, randomBytes } from 'node:crypto';
import { CREDENTIAL_KEYS, type Credential, type CredentialKey, INTERVAL_KEY } from '../../core/credential.ts';
import type { CredentialLack } from '../../core/credential-needs.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { messageOf, StoreError, UsageError } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import { readExpiry } from './credential-expiry.ts';
import { misspelledKey, otherFolders, pathOf, readFolder, unreadNames } from './credential-folder.ts';
import { CredentialWatches } from './credential-watches.ts';
import type { WatchFunction } from './watch-directory.ts';

export interface DirectoryCredentialSourceOptions {
  /** How often to look where `fs.watch` is silent, 2000 ms by default. */
  readonly poll?: Ms;
  /** Instead of `fs.watch`. */
  readonly watch?: WatchFunction;
  /** The sentence for a credential that is incomplete; by default one about its folder. */
  readonly explain?: ((lack: CredentialLack) => string) | undefined;
  /** A sentence to add to every other error: how to change a value where the files are copies. */
  readonly origin?: ((credential: string, of: 'values' | 'interval') => string | undefined) | undefined;
}

/** Its sentence is that of `explain`. */
class IncompleteCredential extends UsageError {}

/**
 * Reads credentials from `<root>/<credential>/`, one file per value, plain or in the layout of a Secret volume. Credentials without
 * a folder are in `<root>/.shared/<credential>.<key>`. Each read is fresh, with all values from one state of the volume. One line
 * break at the end of a file is removed.
 *
 * Throws UsageError, which names the file and what to do, for a folder that is missing or holds no credential, a
 * file that is empty, binary, over 64 KiB or unreadable, a line break or control character within a value other than
 * `private_key` and `certificate`, and a name that is almost that of a key. Other files are ignored. A failure of the
 * system that may pass (too many open files, a failing disk) is a StoreError.
 */
export function createDirectoryCredentialSource(
  root: string,
  options: DirectoryCredentialSourceOptions = {},
): CredentialSource {
  // Only valid in this process, so that a fingerprint in a log would not help anyone who guesses passwords.
  const key = randomBytes(32);
  async function read(credential: string, needed?: readonly CredentialKey[]): Promise<Credential> {
    const values = withOrigin(credential, 'values', () =>
      readValues(root, credential, { needed, explain: options.explain }),
    );
    const fingerprint = createHmac('sha256', key).update(JSON.stringify(values)).digest('hex');
    const redacted = values.map(([name, value]) => [name, new Redacted(value)] as const);
    return { name: credential, values: Object.fromEntries(redacted), fingerprint };
  }

  function withOrigin<Value>(credential: string, of: 'values' | 'interval', look: () => Value): Value {
    try {
      return look();
    } catch (error) {
      const origin = options.origin?.(credential, of);
      if (!(error instanceof UsageError) || error instanceof IncompleteCredential || origin === undefined) throw error;
      throw new UsageError(`${error.message} ${origin}`);
    }
  }

  function stateOf(credential: string): string | undefined {
    const reads = [readValues, readInterval, readExpiry].map((look) => () => look(root, credential));
    const told = reads.map(tell);
    if (told.includes(UNKNOWN)) return undefined;
    return createHmac('sha256', key).update(JSON.stringify(told)).digest('hex');
  }

  const watches = new CredentialWatches(root, { ...options, stateOf });
  return {
    read,
    interval: async (credential) => withOrigin(credential, 'interval', () => readInterval(root, credential)),
    expiry: async (credential) => {
      const { at, fault } = readExpiry(root, credential);
      const origin = fault === undefined ? undefined : options.origin?.(credential, 'values');
      return { at, fault: origin === undefined ? fault : `${fault} ${origin}` };
    },
    watch: (credential, changed) => watches.add(credential, changed),
  };
}

interface Completeness extends Pick<DirectoryCredentialSourceOptions, 'explain'> {
  readonly needed?: readonly CredentialKey[] | undefined;
}

function readValues(
  root: string,
  credential: string,
  { needed = [], explain = sentenceAboutFolder }: Completeness = {},
): readonly (readonly [CredentialKey, string])[] {
  const folder = readFolder(root, credential, CREDENTIAL_KEYS);
  const path = pathOf(root, credential);
  if (folder === undefined) {
    throw new IncompleteCredential(
      explain({ credential, folder: path, lacks: 'folder', keys: needed, found: otherFolders(root) }),
    );
  }
  const misspelled = misspelledKey(path, folder.names);
  if (misspelled !== undefined) throw misspelled;
  const { values } = folder;
  const keys = needed.filter((key) => !values.has(key));
  if (values.size === 0) {
    throw new IncompleteCredential(
      explain({ credential, folder: path, lacks: 'all', keys, found: unreadNames(folder.names) }),
    );
  }
  if (keys.length > 0) {
    throw new IncompleteCredential(explain({ credential, folder: path, lacks: 'keys', keys, found: '' }));
  }
  return CREDENTIAL_KEYS.flatMap((key) => {
    const value = values.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
}

function sentenceAboutFolder({ folder, lacks, keys, found }: CredentialLack): string {
  if (lacks === 'folder') return `There is no credential folder ${folder}. ${found} Create it, or correct the name.`;
  if (lacks === 'keys') return `The folder ${folder} has no file ${keys.join(' and no file ')}. Put it there.`;
  const held = found === '' ? '' : ` ${found}`;
  return `The folder ${folder} holds no credential.${held} Put any of these files there: ${CREDENTIAL_KEYS.join(', ')}.`;
}

function readInterval(root: string, credential: string): Ms | undefined {
  const text = readFolder(root, credential, [INTERVAL_KEY])?.values.get(INTERVAL_KEY);
  if (text === undefined) return undefined;
  const interval = parseDuration(text.trim());
  if (interval !== undefined) return interval;
  const path = pathOf(root, credential, INTERVAL_KEY);
  throw new UsageError(`The file ${path} holds no duration. Write ${DURATION_FORM} into it, or remove it.`);
}

/** The error for a credential that the file system cannot read at the moment. */
const UNKNOWN = Symbol('unknown');

/** A value or an error, for comparison. */
function tell(read: () => unknown): unknown {
  try {
    return read() ?? null;
  } catch (error) {
    if (error instanceof StoreError) return UNKNOWN;
    return messageOf(error);
  }
}
