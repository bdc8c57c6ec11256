import type { Snapshot } from './secret-knowledge.ts';
import type { Operation, SecretContents } from './secret-requests.ts';
import { pathOf } from './secret-requests.ts';

/** What keys are to hold; `undefined` removes a key. */
export type Changes = Readonly<Record<string, string | undefined>>;

interface Change {
  readonly changes: Changes;
  readonly documents: readonly string[];
}

/** Returns a JSON Patch that nobody else's change can precede: it tests the version. Empty where there is nothing to do. */
export function patchByVersion({ version, isEmpty }: Snapshot, writes: readonly Change[]): readonly Operation[] {
  const operations = isEmpty === true ? filling(writes) : setting(writes);
  if (operations.length === 0) return [];
  return [{ op: 'test', path: '/metadata/resourceVersion', value: version }, ...operations];
}

/**
 * Returns a JSON Patch that tests the documents that it replaces, so that changes of anything else may precede it. Empty where there
 * is nothing to do.
 */
export function patchByDocuments({ data }: SecretContents, writes: readonly Change[]): readonly Operation[] {
  if (data.size === 0) {
    const operations = filling(writes);
    return operations.length === 0 ? [] : [{ op: 'test', path: '/data', value: null }, ...operations];
  }
  const documents = writes.flatMap((write) => write.documents);
  const tests = documents.map((key): Operation => ({ op: 'test', path: pathOf(key), value: data.get(key) ?? null }));
  return [...tests, ...setting(writes)];
}

/** Returns what the keys hold in the Secret: base64. */
export function valuesOf(changes: Changes): ReadonlyMap<string, string | undefined> {
  return new Map(Object.entries(changes).map(([key, text]) => [key, text === undefined ? undefined : base64(text)]));
}

/** The first keys: `data` itself is missing from an empty Secret. */
function filling(writes: readonly Change[]): Operation[] {
  const given = merged(writes).flatMap(([key, text]) => (text === undefined ? [] : [[key, base64(text)]]));
  return given.length === 0 ? [] : [{ op: 'add', path: '/data', value: Object.fromEntries(given) }];
}

/** A missing key cannot be removed, so it is added first. Nobody sees the state in between. */
function setting(writes: readonly Change[]): Operation[] {
  return merged(writes).flatMap(([key, text]) => {
    const path = pathOf(key);
    const add: Operation = { op: 'add', path, value: base64(text ?? '') };
    return text === undefined ? [add, { op: 'remove', path }] : [add];
  });
}

/** Several tokens bring the same `ca.crt`: the last one counts. */
function merged(writes: readonly Change[]): [key: string, text: string | undefined][] {
  return [...new Map(writes.flatMap(({ changes }) => Object.entries(changes)))];
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
