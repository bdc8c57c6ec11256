import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeImageArchive } from '../../src/release/image-archive.ts';
import { docker, needDocker } from '../cluster/docker.ts';
import { realParts } from '../real/real-parts.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** No image of a release, so that the test replaces none. */
const NAME = 'local/release-test';
const settings = { User: '65532:65532', Env: ['A=b'], Entrypoint: ['/hello'], Labels: { title: 'one' } };

async function loadImage() {
  await needDocker();
  const { path, remove } = temporaryDirectory();
  const root = join(path, 'root');
  mkdirSync(root);
  writeFileSync(join(root, 'hello'), 'hello');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const file = join(path, 'image.tar');
  await writeImageArchive({ root, name: NAME, version: '0.1.0', architecture, settings, time: 1_700_000_000 }, file);
  await docker(['load', '--input', file]);
  return {
    async stop() {
      await docker(['image', 'rm', '--force', `${NAME}:0.1.0`]);
      remove();
    },
  };
}

describe('Docker', { timeout: 60_000 }, () => {
  realParts(loadImage);

  it('loads the archive of an image with its name and settings', async () => {
    const text = await docker(['image', 'inspect', '--format', '{{json .Config}}', `${NAME}:0.1.0`]);
    expect(JSON.parse(text)).toMatchObject(settings);
  });
});
