import type { V1ManagedFieldsEntry, V1ObjectMeta } from '@kubernetes/client-node';
import type { ExpectedToken } from '../../../core/doctor/expected-token.ts';
import type { ObservedCluster, ObservedDocument, ObservedSecret, Seen } from '../../../core/doctor/observed.ts';
import { messageOf } from '../../../core/errors.ts';
import { type EpochMs, sha256 } from '../../../core/token.ts';
import { documentKey, parseDocument, TokenVolumeError } from '../../../core/token-volume.ts';
import { METADATA } from '../api/watch-once.ts';
import type { Readings } from './readings.ts';

interface SecretObject {
  readonly metadata?: V1ObjectMeta;
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

/** `namespace/secret` */
export function secretText({ identity: { namespace, secret } }: ExpectedToken): string {
  return `${namespace}/${secret}`;
}

/** Reads the Secrets of these tokens, by `namespace/secret`. */
export async function readTokenSecrets(
  readings: Readings,
  tokens: readonly ExpectedToken[],
): Promise<ObservedCluster['secrets']> {
  const stored = tokens.filter(({ keys }) => keys.length > 0);
  const groups = Map.groupBy(stored, secretText);
  const found = [...groups].map(async ([text, own]) => {
    const [namespace = '', name = ''] = text.split('/');
    const keys = own.map(({ key }) => key);
    return [text, await readTokenSecret(readings, { namespace, name }, keys)] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

/** Reads a token Secret. Of its tokens only the times are kept. */
export async function readTokenSecret(
  readings: Readings,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  keys: readonly string[],
): Promise<Seen<ObservedSecret>> {
  const found = await readings.object<SecretObject>(pathOf(namespace, name), whatIn(namespace));
  if (typeof found === 'string') return found;
  const { data = {}, metadata, immutable = false } = found;
  const writers = writersIn(metadata);
  const documents = keys.flatMap((key) => {
    const text = data[documentKey(key)];
    return text === undefined ? [] : [[key, documentIn(key, text, metadata)] as const];
  });
  return {
    writers: Object.fromEntries(Object.keys(data).map((key) => [key, writers.get(key)])),
    documents: Object.fromEntries(documents),
    isImmutable: immutable,
  };
}

/** Reads which keys a Secret has, and none of their values; `unreadable` where the API server does not say. */
export async function readSecretKeys(
  readings: Readings,
  namespace: string,
  name: string,
): Promise<Seen<readonly string[]>> {
  const found = await readings.object<SecretObject>(pathOf(namespace, name), whatIn(namespace), METADATA);
  if (typeof found === 'string') return found;
  // Someone may have removed them; even a Secret without data has an entry of its maker.
  if ((found.metadata?.managedFields ?? []).length === 0) return 'unreadable';
  return [...writersIn(found.metadata).keys()];
}

function pathOf(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}

function whatIn(namespace: string): string {
  return `get secrets in the namespace ${namespace}`;
}

function documentIn(key: string, text: string, metadata: V1ObjectMeta | undefined): ObservedDocument {
  try {
    const document = Buffer.from(text, 'base64').toString();
    const { issuedAt, expiresAt, generation } = parseDocument(key, document);
    return { issuedAt, expiresAt, generation, storedAt: storedAt(metadata, key), sha256: sha256(document) };
  } catch (error) {
    if (!(error instanceof TokenVolumeError)) throw error;
    return { fault: messageOf(error) };
  }
}

const OWN = 'token-acquirer';

/** A document is also written anew without a new token: with another interval, or late. */
function storedAt(metadata: V1ObjectMeta | undefined, key: string): EpochMs | undefined {
  const own = (metadata?.managedFields ?? []).filter(
    (entry) => entry.manager === OWN && keysIn(entry).includes(documentKey(key)),
  );
  const times = own.flatMap(({ time }) => (time === undefined ? [] : [new Date(time).getTime()]));
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Who owns each key, by `managedFields`. A key may have several owners, of which the token-acquirer counts. */
function writersIn(metadata: V1ObjectMeta | undefined): ReadonlyMap<string, string> {
  const owned = (metadata?.managedFields ?? []).flatMap((entry) =>
    keysIn(entry).map((key) => [key, entry.manager ?? 'unknown'] as const),
  );
  const others = owned.filter(([, manager]) => manager !== OWN);
  return new Map([...others, ...owned.filter(([, manager]) => manager === OWN)]);
}

function keysIn({ fieldsV1 }: V1ManagedFieldsEntry): readonly string[] {
  const fields = fieldsV1 as { readonly 'f:data'?: object } | undefined;
  return Object.keys(fields?.['f:data'] ?? {}).flatMap((name) => (name.startsWith('f:') ? [name.slice(2)] : []));
}
