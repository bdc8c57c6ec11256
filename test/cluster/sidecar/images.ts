import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENVOY_VERSION, installEnvoy } from '../../real/install/envoy.ts';
import { withLock } from '../../real/install/lock.ts';
import { aloud } from '../../real/install/progress.ts';
import { run } from '../../real/install/run.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import type { TestCluster } from '../cluster.ts';
import { debianImage } from '../debian-image.ts';
import { hasImage, needDocker } from '../docker.ts';

/** As in the base of the other images, which so share the layer. */
const CERTIFICATES = ['ca-certificates'];
/** Of an application that is not in Node. */
const APPLICATION = ['ca-certificates', 'curl', 'python3'];
/** Rises with what the image of Envoy is made of. */
const RECIPE = 1;

/** Names by which pods have the images. */
export interface SidecarImages {
  /** As the one of the Envoy project: the program is on the path. */
  readonly envoy: string;
  /** With python3 and curl. */
  readonly application: string;
}

/** Makes the images once, and brings them to the cluster. Throws NotAvailable. */
export async function loadSidecarImages(cluster: TestCluster): Promise<SidecarImages> {
  await needDocker();
  const envoy = await envoyImage();
  const application = await debianImage(APPLICATION);
  return { envoy: await cluster.loadImage(envoy), application: await cluster.loadImage(application) };
}

async function envoyImage(): Promise<string> {
  const tag = `local/token-acquirer-envoy:${ENVOY_VERSION}-${RECIPE}`;
  if (await hasImage(tag)) return tag;
  const program = await installEnvoy();
  const debian = await debianImage(CERTIFICATES);
  await withLock(tag, async () => {
    if (!(await hasImage(tag))) await aloud(`Making the image ${tag}, once`, () => makeImage(tag, debian, program));
  });
  return tag;
}

async function makeImage(tag: string, debian: string, program: string): Promise<void> {
  const context = temporaryDirectory();
  try {
    await copyFile(program, join(context.path, 'envoy'));
    const lines = [`FROM ${debian}`, 'COPY envoy /usr/local/bin/envoy', 'ENTRYPOINT ["envoy"]', ''];
    await writeFile(join(context.path, 'Dockerfile'), lines.join('\n'));
    await run({ label: 'docker build', command: 'docker', args: ['build', '--quiet', '--tag', tag, context.path] });
  } finally {
    context.remove();
  }
}
