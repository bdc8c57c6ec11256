import { join } from 'node:path';
import { withLock } from '../../real/install/lock.ts';
import { aloud } from '../../real/install/progress.ts';
import { nodeBaseImage } from '../base-image.ts';
import type { TestCluster } from '../cluster.ts';
import { docker } from '../docker.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PATIENCE = 20 * 60_000;

/** As the manifests name them. */
const IMAGES = [
  { tag: 'token-acquirer:0.1.0', args: ['--file=Dockerfile.token-acquirer'] },
  { tag: 'example-services:0.1.0', args: ['--file=Dockerfile.token-acquirer', '--target=example-services'] },
  { tag: 'client-app:0.1.0', args: ['--file=Dockerfile.client-app'] },
];

/** Builds the images of the working tree; what has not changed is in Docker's cache. */
export async function buildImages(): Promise<readonly string[]> {
  const base = await nodeBaseImage();
  for (const { tag, args } of IMAGES) {
    await withLock(`image ${tag}`, () =>
      aloud(`Building the image ${tag}`, () =>
        docker(['build', '--quiet', `--build-arg=NODE_IMAGE=${base}`, `--tag=${tag}`, ...args, ROOT].map(inRoot), {
          timeout: PATIENCE,
        }),
      ),
    );
  }
  return IMAGES.map(({ tag }) => tag);
}

/** Builds the images and brings them to the cluster; the result puts the names that it has them by into manifests. */
export async function loadImages(cluster: TestCluster): Promise<(text: string) => string> {
  const names = new Map<string, string>();
  for (const tag of await buildImages()) names.set(tag, await cluster.loadImage(tag));
  return (text) => text.replace(/image: (\S+)/g, (line, tag: string) => line.replace(tag, names.get(tag) ?? tag));
}

/** Docker looks for the file where it is called from. */
function inRoot(argument: string): string {
  return argument.replace(/^--file=/, `--file=${ROOT}/`);
}
