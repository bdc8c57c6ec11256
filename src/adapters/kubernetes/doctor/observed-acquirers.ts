import type { V1Deployment } from '@kubernetes/client-node';
import { SHARED_FOLDER, sharedKey } from '../../../core/credential.ts';
import type { ObservedAcquirer, ObservedCredential, ObservedLease, Seen } from '../../../core/doctor/observed.ts';
import { LEASE_DURATION } from '../../../core/lease.ts';
import { type CredentialMounts, credentialMounts } from '../terminal/credential-mounts.ts';
import { readSecretKeys } from './observed-secret.ts';
import type { Readings } from './readings.ts';

interface LeaseObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

/** Reads what counts of a Deployment, and the Lease of the same name. */
export async function observedAcquirer(
  readings: Readings,
  namespace: string,
  { metadata, spec, status }: V1Deployment,
): Promise<ObservedAcquirer> {
  const name = metadata?.name ?? '';
  const pod = spec?.template.spec;
  return {
    name,
    image: (pod?.containers ?? []).find(({ args = [] }) => args.includes('run'))?.image ?? '',
    account: pod?.serviceAccountName ?? 'default',
    labels: spec?.template.metadata?.labels ?? {},
    wanted: spec?.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    total: status?.replicas ?? 0,
    lease: await readLease(readings, namespace, name),
  };
}

async function readLease(readings: Readings, namespace: string, name: string): Promise<Seen<ObservedLease>> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  const found = await readings.object<LeaseObject>(path, `get leases in the namespace ${namespace}`);
  if (typeof found === 'string') return found;
  const { holderIdentity = '', renewTime, leaseDurationSeconds } = found.spec ?? {};
  return {
    holder: holderIdentity === '' ? undefined : holderIdentity,
    renewedAt: renewTime === undefined ? undefined : Date.parse(renewTime),
    duration: leaseDurationSeconds === undefined ? LEASE_DURATION : leaseDurationSeconds * 1000,
  };
}

/** Reads which Secret a credential comes from, and which keys it has there. */
export async function observedCredential(
  readings: Readings,
  deployments: readonly V1Deployment[] | undefined,
  { namespace, credential }: { readonly namespace: string; readonly credential: string },
): Promise<ObservedCredential> {
  const usual = `${credential}-credentials`;
  if (deployments === undefined) {
    return { isMounted: true, secret: usual, keys: await readSecretKeys(readings, namespace, usual), keyIn: {} };
  }
  const known = credentialMounts(deployments);
  const [mount] = mountsOf(known, credential);
  if (mount === undefined) {
    const isElsewhere = known.elsewhere.some((path) => path === '' || path.split('/')[0] === credential);
    return { isMounted: isElsewhere, secret: usual, keys: 'unreadable', keyIn: {} };
  }
  const found = await readSecretKeys(readings, namespace, mount.secret);
  return {
    isMounted: true,
    secret: mount.secret,
    keys: typeof found === 'string' ? found : found.map((key) => mount.fileOf(key)),
    keyIn: mount.keyIn,
  };
}

/** The Secrets of a credential with its own folder, else those with many credentials. */
function mountsOf({ mounts }: CredentialMounts, credential: string) {
  const own = mounts
    .filter((mount) => mount.credential === credential)
    .map(({ secret, items }) => ({
      secret,
      fileOf: (key: string): string => items?.get(key) ?? (items === undefined ? key : ''),
      keyIn: Object.fromEntries([...(items ?? [])].map(([key, file]) => [file, key])),
    }));
  if (own.length > 0) return own;
  const prefix = sharedKey(credential, '');
  return mounts
    .filter((mount) => mount.credential === SHARED_FOLDER)
    .map(({ secret }) => ({
      secret,
      fileOf: (key: string): string => (key.startsWith(prefix) ? key.slice(prefix.length) : ''),
      keyIn: {},
    }));
}
