import { createHash } from 'node:crypto';
import { withLock } from '../real/install/lock.ts';
import { outputOf, succeeds } from './command.ts';
import { docker } from './docker.ts';
import type { ClusterRecord } from './record.ts';

/** Names the registry, and the folder in it, that images go to where nothing else brings them to a given cluster. */
export const REGISTRY_VARIABLE = 'TOKEN_ACQUIRER_TEST_IMAGES';

const PATIENCE = 5 * 60_000;
const LOAD = `${loadCommand('"$1"', '"$2"')} && docker exec "$2" sh -c 'echo "$2" >"$1"' mark "$3" "$4"`;

/** Brings an image of this machine's Docker to the container of a cluster, which pulls from no registry. */
export function loadCommand(tag: string, container: string): string {
  return `docker save ${tag} | docker exec --interactive ${container} ctr --namespace=k8s.io images import -`;
}

/** See TestCluster.loadImage. */
export function imageLoader({ container, name }: ClusterRecord): (tag: string) => Promise<string> {
  if (container !== undefined) return (tag) => loadInto(container, tag);
  const registry = process.env[REGISTRY_VARIABLE] ?? '';
  return async (tag) => {
    if (registry !== '') return push(tag, registry);
    throw new Error(
      `The image ${tag} cannot be brought to the cluster (${name}). Set ${REGISTRY_VARIABLE} to a registry that it pulls from and this machine may push to, such as registry.example/tests.`,
    );
  };
}

async function loadInto(container: string, tag: string): Promise<string> {
  const id = (await docker(['image', 'inspect', '--format', '{{.Id}}', tag])).trim();
  // Of the tag, not of the image: one of before may have lost the tag to another since.
  const mark = `/tmp/loaded-${createHash('sha256').update(tag).digest('hex').slice(0, 16)}`;
  await withLock(`${container} ${tag}`, async () => {
    if (await succeeds({ program: 'docker', args: ['exec', container, 'grep', '-qx', id, mark] })) return;
    const args = ['-o', 'pipefail', '-c', LOAD, 'load', tag, container, mark, id];
    await outputOf({ label: `load ${tag}`, program: 'bash', args, timeout: PATIENCE });
  });
  return tag;
}

async function push(tag: string, registry: string): Promise<string> {
  const pushed = `${registry.replace(/\/$/, '')}/${tag.split('/').at(-1)}`;
  await docker(['tag', tag, pushed]);
  await docker(['push', '--quiet', pushed], { timeout: PATIENCE });
  return pushed;
}
