import type { V1Deployment } from '@kubernetes/client-node';
import type { Seen } from '../../../core/doctor/observed.ts';
import { UsageError } from '../../../core/errors.ts';
import { credentialMounts } from '../terminal/credential-mounts.ts';
import { type FileSource, fileSource } from './mounted-file.ts';
import type { Readings } from './readings.ts';

/** The token-acquirers of a namespace, as they were installed. */
export interface Release {
  /** `missing` where no Deployment runs one. */
  readonly deployments: Seen<readonly V1Deployment[]>;
  /** The configuration of the first of them, where a ConfigMap or Secret has it. */
  readonly configuration: { readonly place: string; readonly file: string; readonly text: string } | undefined;
}

/** Which token-acquirers of a namespace are meant. */
export interface ReleaseChoice {
  /** Left out: the only one. */
  readonly release?: string | undefined;
  /** Before an installation: there need be none, and others in the namespace do not matter. */
  readonly isPlanned?: boolean;
}

/**
 * Reads the Deployments that run a token-acquirer, whatever they are called, and their configuration. Throws UsageError
 * where it is not clear which release is meant, except before its installation.
 */
export async function readRelease(
  readings: Readings,
  namespace: string,
  { release, isPlanned = false }: ReleaseChoice = {},
): Promise<Release> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const all = await readings.list<V1Deployment>(path, `list deployments in the namespace ${namespace}`);
  if (typeof all === 'string') return { deployments: all, configuration: undefined };
  const names = new Set(credentialMounts(all).acquirers);
  const deployments = ofRelease(
    all.filter(({ metadata }) => names.has(metadata?.name ?? '')),
    { namespace, release, isPlanned },
  );
  const [first] = deployments;
  if (first === undefined) return { deployments: 'missing', configuration: undefined };
  const file = argumentOf(first, '--config');
  const source = file === undefined ? undefined : fileSource(first, file);
  if (file === undefined || source === undefined) return { deployments, configuration: undefined };
  const text = await readFileSource(readings, namespace, source);
  const isThere = text !== 'missing' && text !== 'unreadable';
  return { deployments, configuration: isThere ? { place: placeText(namespace, source), file, text } : undefined };
}

const SHARD = /-shard-\d+$/;
const INSTANCE = 'app.kubernetes.io/instance';

function ofRelease(
  deployments: readonly V1Deployment[],
  { namespace, release, isPlanned }: ReleaseChoice & { readonly namespace: string },
): readonly V1Deployment[] {
  const names = [...new Set(deployments.map(releaseName))].toSorted();
  // The only one is likely the one to upgrade.
  if (isPlanned && release === undefined && names.length > 1) return [];
  if (isPlanned && release !== undefined && !names.includes(release)) return [];
  const list = names.join(', ') || 'none';
  if (release === undefined && names.length > 1) {
    throw new UsageError(
      `The namespace ${namespace} has several releases of token-acquirer: ${list}. Name one with --release.`,
    );
  }
  if (release !== undefined && !names.includes(release)) {
    throw new UsageError(`The namespace ${namespace} has no such release of token-acquirer. Releases: ${list}.`);
  }
  return release === undefined ? deployments : deployments.filter((one) => releaseName(one) === release);
}

/** Without the label, the shards of a release share the beginning of their names. */
function releaseName({ metadata }: V1Deployment): string {
  return metadata?.labels?.[INSTANCE] ?? (metadata?.name ?? '').replace(SHARD, '');
}

/** Returns the text that a file in a pod has. */
export async function readFileSource(
  readings: Readings,
  namespace: string,
  { kind, name, key }: FileSource,
): Promise<Seen<string>> {
  const path = `/api/v1/namespaces/${namespace}/${kind}/${name}`;
  const found = await readings.object<{ data?: Record<string, string> }>(
    path,
    `get ${kind} in the namespace ${namespace}`,
  );
  if (typeof found === 'string') return found;
  const value = found.data?.[key];
  if (value === undefined) return 'missing';
  return kind === 'secrets' ? Buffer.from(value, 'base64').toString() : value;
}

export function placeText(namespace: string, { kind, name, key }: FileSource): string {
  return `the key ${key} of the ${kind === 'secrets' ? 'Secret' : 'ConfigMap'} ${namespace}/${name}`;
}

/** The value of an option of the program in the Deployment. */
function argumentOf({ spec }: V1Deployment, option: string): string | undefined {
  const words = (spec?.template.spec?.containers ?? []).flatMap(({ command = [], args = [] }) => [...command, ...args]);
  const at = words.findIndex((word) => word === option || word.startsWith(`${option}=`));
  const word = words[at];
  return word?.includes('=') === true ? word.slice(option.length + 1) : words[at + 1];
}
