import { CREDENTIAL_KEYS, type CredentialKey, sharedKey } from '../../core/credential.ts';
import type { CredentialLack } from '../../core/credential-needs.ts';

/** A Secret that holds a credential. */
export interface CredentialSecret {
  readonly name: string;
  /** Its own names of keys, by the key of the credential, where they differ. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Where a person puts the credentials of this process. */
export type CredentialPlace =
  | { readonly kind: 'directory'; readonly root: string }
  | {
      readonly kind: 'cluster';
      readonly namespace: string;
      /** By credential, where it is not the Secret `<credential>-credentials`; by `*` the one of all others. */
      readonly secrets: ReadonlyMap<string, CredentialSecret>;
    };

type ClusterPlace = Extract<CredentialPlace, { kind: 'cluster' }>;

/** Values with several lines, which a prompt cannot take. */
const OF_LINES: readonly CredentialKey[] = ['private_key', 'certificate'];

/** Returns sentences about what a credential lacks: what, where, and the command that adds it. */
export function lackSentence(place: CredentialPlace, lack: CredentialLack): string {
  const sentences = place.kind === 'directory' ? inDirectory(place.root, lack) : inCluster(place, lack);
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

/** Returns where to change a value whose file is a copy, or `undefined` where a person changes the file itself. */
export function originSentence(
  place: CredentialPlace,
  credential: string,
  of: 'values' | 'interval',
): string | undefined {
  if (place.kind === 'directory') return undefined;
  if (of === 'interval') return `Run: token-acquirer interval set ${credential} 10m --namespace ${place.namespace}.`;
  const { name } = secretOf(place, credential);
  return `The files are those of the Secret ${name} in the namespace ${place.namespace}: change it there.`;
}

/** Stands for all credentials that are not named. */
export const ALL_OTHERS = '*';

function secretOf({ secrets }: ClusterPlace, credential: string): CredentialSecret & { readonly shared: boolean } {
  const own = secrets.get(credential);
  const shared = own === undefined ? secrets.get(ALL_OTHERS) : undefined;
  if (shared !== undefined) {
    const keys = new Map(CREDENTIAL_KEYS.map((key) => [key, sharedKey(credential, key)]));
    return { name: shared.name, keys, shared: true };
  }
  return { ...(own ?? { name: `${credential}-credentials`, keys: new Map<string, string>() }), shared: false };
}

function inDirectory(root: string, { credential, folder, lacks, keys, found }: CredentialLack): string[] {
  const files = keys.length === 0 ? `any of the files ${anyOf(CREDENTIAL_KEYS)}` : listed('the file', keys);
  const run = runs(`token-acquirer credentials set ${credential}`, `--credentials ${root}`, keys);
  if (lacks === 'folder') {
    return [
      `There is no credential folder ${folder}.`,
      found,
      `Correct the name, or create the folder with ${files}.`,
      run,
    ];
  }
  if (lacks === 'all') return [`The credential folder ${folder} is empty.`, found, `Put ${files} there.`, run];
  return [`The credential folder ${folder} has no ${keys.join(' and no ')}.`, `Put ${files} there.`, run];
}

function inCluster(place: ClusterPlace, { credential, folder, lacks, keys, found }: CredentialLack): string[] {
  const { namespace } = place;
  const { name, keys: renamed, shared } = secretOf(place, credential);
  const where = `${name} in the namespace ${namespace}`;
  const own = keys.map((key) => renamed.get(key) ?? key);
  const named = keys.length === 0 ? `any of the keys ${anyOf(CREDENTIAL_KEYS)}` : listed('the key', own);
  if (lacks === 'folder') {
    return [`There is no credential folder ${folder}.`, found, `Mount the Secret ${where} there, or correct the name.`];
  }
  const set = (secret: string): string =>
    `Run: ${commands(`token-acquirer credentials set ${credential}`, `${secret}--namespace ${namespace}`, keys)}.`;
  if (shared) {
    const lack = lacks === 'all' ? 'is empty' : `has no ${keys.join(' and no ')}`;
    return [`The credential "${credential}" ${lack}.`, `Add ${named} to the Secret ${where}.`, set('')];
  }
  if (lacks === 'all') {
    const files = own.map((key) => ` --from-file=${key}`).join('');
    const create = `kubectl create secret generic ${name} --namespace ${namespace}${files}`;
    return [
      `The credential "${credential}" is empty.`,
      found,
      `Create the Secret ${where} with ${named}.`,
      own.length === 0 ? '' : `Put each value into a file named as its key, and run: ${create}.`,
    ];
  }
  const isRenamed = keys.some((key) => renamed.has(key));
  const secret = name === `${credential}-credentials` ? '' : `--secret ${name} `;
  return [
    `The credential "${credential}" has no ${keys.join(' and no ')}.`,
    `Add ${named} to the Secret ${where}.`,
    // The command writes keys by the names that the credential has.
    isRenamed ? '' : set(secret),
  ];
}

function runs(command: string, place: string, keys: readonly CredentialKey[]): string {
  return `Run: ${commands(command, place, keys)}.`;
}

/** One command for all values that a prompt can take, one more for each that it cannot. */
function commands(command: string, place: string, keys: readonly CredentialKey[]): string {
  const asked = keys.filter((key) => !OF_LINES.includes(key));
  const piped = keys.filter((key) => OF_LINES.includes(key));
  return [
    ...(asked.length > 0 ? [`${command} --key ${asked.join(' ')} ${place}`] : []),
    ...piped.map((key) => `${command} --key ${key} ${place} < ${key}.pem`),
    ...(keys.length === 0 ? [`${command} ${place}`] : []),
  ].join(' and ');
}

/** `the key client_id`, `the keys client_id and client_secret`. */
function listed(what: string, keys: readonly string[]): string {
  return `${what}${keys.length === 1 ? '' : 's'} ${keys.length < 3 ? keys.join(' and ') : `${keys.slice(0, -1).join(', ')} and ${keys.at(-1)}`}`;
}

function anyOf(keys: readonly string[]): string {
  return keys.join(', ');
}
