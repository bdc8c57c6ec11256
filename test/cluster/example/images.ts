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

/**
 * Builds the images of the working tree and brings them to the cluster; the result puts the names that it has them by into
 * manifests. What has not changed is in Docker's cache.
 */
export async function loadImages(cluster: TestCluster): Promise<(text: string) => string> {
  const base = await nodeBaseImage();
  const names = new Map<string, string>();
  for (const image of IMAGES) {
    // Until it is brought there, so that no other run of the tests on this machine gives the tag to its own image.
    await withLock(`image ${image.tag}`, async () => {
      await build(image, base);
      names.set(image.tag, await cluster.loadImage(image.tag));
    });
  }
  return (text) => text.replace(/image: (\S+)/g, (line, tag: string) => line.replace(tag, names.get(tag) ?? tag));
}

async function build({ tag, args }: (typeof IMAGES)[number], base: string): Promise<void> {
  const options = ['--quiet', `--build-arg=NODE_IMAGE=${base}`, `--tag=${tag}`, ...args.map(inRoot)];
  await aloud(`Building the image ${tag}`, () => docker(['build', ...options, ROOT], { timeout: PATIENCE }));
}

/** Docker looks for the file where it is called from. */
function inRoot(argument: string): string {
  return argument.replace(/^--file=/, `--file=${ROOT}/`);
}
