import type { V1Container, V1Deployment, V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { INTERVAL_KEY, SHARED_FOLDER, sharedKey } from '../../../core/credential.ts';

/** A Secret that a token-acquirer has in its credentials volume. */
export interface CredentialMount {
  readonly deployment: string;
  readonly credential: string;
  readonly secret: string;
  /** The keys that are taken, with the file that each becomes; `undefined` where all are, as they are called. */
  readonly items: ReadonlyMap<string, string> | undefined;
}

export interface CredentialMounts {
  /** The Deployments that are token-acquirers, whatever they are called. */
  readonly acquirers: readonly string[];
  readonly mounts: readonly CredentialMount[];
  /** Credentials, by their paths below the folder, come from volumes that are no Secrets. `''`: any may. */
  readonly elsewhere: readonly string[];
}

/** Which Secrets these Deployments read credentials from: by the arguments of `token-acquirer run`, and its volumes. */
export function credentialMounts(deployments: readonly V1Deployment[]): CredentialMounts {
  const acquirers: string[] = [];
  const mounts: CredentialMount[] = [];
  const elsewhere: string[] = [];
  for (const { metadata, spec } of deployments) {
    const deployment = metadata?.name ?? '';
    const { containers = [], volumes = [] } = spec?.template.spec ?? {};
    for (const container of containers) {
      const folder = credentialsFolder(container);
      if (folder === undefined) continue;
      acquirers.push(deployment);
      const inFolder = (container.volumeMounts ?? []).flatMap((mount) => sourcesAt(mount, folder, volumes));
      mounts.push(...inFolder.map((source) => ({ deployment, ...source })));
      elsewhere.push(...(container.volumeMounts ?? []).flatMap((mount) => foreignAt(mount, folder, volumes)));
    }
  }
  return { acquirers, mounts, elsewhere };
}

/** `--credentials`, where the container is a token-acquirer that runs. */
function credentialsFolder({ command = [], args = [] }: V1Container): string | undefined {
  const words = [...command, ...args];
  if (!words.includes('run')) return undefined;
  const at = words.findIndex((word) => word === '--credentials' || word.startsWith('--credentials='));
  if (at < 0) return undefined;
  const word = words[at] ?? '';
  return withoutSlash(word.includes('=') ? word.slice(word.indexOf('=') + 1) : (words[at + 1] ?? ''));
}

type Source = Omit<CredentialMount, 'deployment'>;

function sourcesAt(mount: V1VolumeMount, folder: string, volumes: readonly V1Volume[]): Source[] {
  const path = withoutSlash(mount.mountPath);
  if (path !== folder && !path.startsWith(`${folder}/`)) return [];
  const volume = volumes.find(({ name }) => name === mount.name);
  const sources = [
    { name: volume?.secret?.secretName, items: volume?.secret?.items },
    ...(volume?.projected?.sources ?? []).map(({ secret }) => ({ name: secret?.name, items: secret?.items })),
  ];
  const within = path.slice(folder.length + 1);
  return sources.flatMap(({ name, items }) => (name === undefined ? [] : sourcesOf(name, items, within)));
}

/** What is mounted from a volume that this program does not understand, such as one of a CSI driver. */
function foreignAt(mount: V1VolumeMount, folder: string, volumes: readonly V1Volume[]): string[] {
  const path = withoutSlash(mount.mountPath);
  if (path !== folder && !path.startsWith(`${folder}/`)) return [];
  const volume = volumes.find(({ name }) => name === mount.name);
  if (volume === undefined || volume.secret || volume.projected || volume.emptyDir) return [];
  return [path.slice(folder.length + 1)];
}

/** At the root, an item's own path begins with the credential. */
function sourcesOf(secret: string, items: { key: string; path: string }[] | undefined, within: string): Source[] {
  if (items === undefined) return [{ credential: within, secret, items }];
  const byCredential = new Map<string, Map<string, string>>();
  for (const { key, path } of items) {
    const [credential = '', file = ''] = [within, path].join('/').replace(/^\//, '').split('/');
    byCredential.set(credential, (byCredential.get(credential) ?? new Map<string, string>()).set(key, file));
  }
  return [...byCredential].map(([credential, keys]) => ({ credential, secret, items: keys }));
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}

/** What was written: some keys of a Secret, for a credential. */
export interface WrittenKeys {
  readonly namespace: string;
  readonly secret: string;
  readonly credential: string;
  readonly keys: readonly string[];
}

/**
 * The Secret with many credentials that this one comes from, and the names of its keys there: values are in the first Secret
 * of that folder, the interval in the last. `undefined` if the credential has its own Secret, or the user named one.
 */
export function inSharedSecret(
  { mounts }: CredentialMounts,
  { secret: given, credential, keys }: WrittenKeys,
): { readonly secret: string; readonly keyOf: (key: string) => string } | undefined {
  if (mounts.some((mount) => mount.credential === credential)) return undefined;
  const shared = secretsOf(mounts, SHARED_FOLDER);
  const secret = keys.includes(INTERVAL_KEY) ? shared.at(-1) : shared[0];
  const unnamed = [`${credential}-credentials`, `${credential}-${INTERVAL_KEY}`, ...shared].includes(given);
  return secret === undefined || !unnamed ? undefined : { secret, keyOf: (key) => sharedKey(credential, key) };
}

/** Why nothing that was written comes to a token-acquirer, in sentences; none where it does. */
export function mountFaults({ acquirers, mounts }: CredentialMounts, written: WrittenKeys): string[] {
  const { namespace, secret, credential, keys } = written;
  if (acquirers.length === 0) {
    return [
      `There is no Deployment of a token-acquirer in the namespace ${namespace}. Nothing reads this Secret until one exists.`,
    ];
  }
  const ofCredential = mounts.filter((mount) => mount.credential === credential);
  const read = ofCredential.filter((mount) => mount.secret === secret);
  if (read.length === 0) return [unread(written, { acquirers, mounts })];
  const left = keys.filter((key) => !read.some(({ items }) => items === undefined || items.get(key) === key));
  if (left.length === 0) return [];
  const taken = read.flatMap(({ items }) => [...(items ?? [])].map(([key, file]) => `${file} from the key ${key}`));
  return [
    `deployment/${read[0]?.deployment} does not take ${left.join(', ')} from the Secret ${secret}, but ${taken.join(', ')}. Set those keys with kubectl, or name another Secret with --secret.`,
  ];
}

/** The Deployments that read this credential from this Secret. */
export function readersOf(
  { mounts }: Pick<CredentialMounts, 'mounts'>,
  { secret, credential }: Pick<WrittenKeys, 'secret' | 'credential'>,
): readonly string[] {
  const read = mounts.filter((mount) => mount.credential === credential && mount.secret === secret);
  return [...new Set(read.map(({ deployment }) => deployment))];
}

/** That no token-acquirer of the namespace has this credential, in sentences; `undefined` where one has or may have. */
export function unknownCredential(
  { acquirers, mounts, elsewhere }: CredentialMounts,
  { namespace, credential }: Pick<WrittenKeys, 'namespace' | 'credential'>,
): string | undefined {
  if (acquirers.length === 0 || mounts.some((mount) => [credential, SHARED_FOLDER].includes(mount.credential)))
    return undefined;
  if (elsewhere.some((path) => path === '' || path.split('/')[0] === credential)) return undefined;
  const where = acquirers.map((name) => `deployment/${name}`).join(', ');
  const credentials = namesOf(mounts.map((mount) => mount.credential)) || 'none';
  return `${where} in the namespace ${namespace} has no credential of this name, so nothing was written. Credentials: ${credentials}. Correct the name. For a token that you add later, name its configuration with --config.`;
}

function unread(
  { secret, credential }: WrittenKeys,
  { acquirers, mounts }: Omit<CredentialMounts, 'elsewhere'>,
): string {
  const where = acquirers.map((name) => `deployment/${name}`).join(', ');
  const own = secretsOf(mounts, credential);
  const secrets = namesOf(own.length > 0 ? own : secretsOf(mounts, SHARED_FOLDER));
  if (secrets !== '') {
    return `${where} does not mount the Secret ${secret}. Its credential ${credential} comes from ${secrets}: name one with --secret.`;
  }
  const credentials = namesOf(mounts.map((mount) => mount.credential)) || 'none';
  return `${where} has no credential ${credential}, so nothing reads this Secret. Credentials: ${credentials}.`;
}

function secretsOf(mounts: readonly CredentialMount[], credential: string): string[] {
  return mounts.filter((mount) => mount.credential === credential).map(({ secret }) => secret);
}

function namesOf(names: readonly string[]): string {
  return [...new Set(names)].toSorted().join(', ');
}
