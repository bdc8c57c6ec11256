import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ImageOrder, imageDigest, writeImageArchive } from '../../src/release/image-archive.ts';
import { obstacleTo } from '../../src/release/images.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

const NAME = 'local/release-test';
const archive = join(folder, 'image.tar');
const layout = join(folder, 'layout');

const order = (root: string): ImageOrder => ({
  root: join(folder, root),
  name: NAME,
  version: '0.1.0',
  architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
  settings: { User: '65532:65532', Env: ['A=b'], Entrypoint: ['/hello'], Labels: { title: 'one' } },
  time: 1_700_000_000,
});

function layOut(root: string): void {
  mkdirSync(join(folder, root, 'etc'), { recursive: true });
  writeFileSync(join(folder, root, 'hello'), 'hello');
  chmodSync(join(folder, root, 'hello'), 0o755);
  writeFileSync(join(folder, root, 'etc/name'), 'name');
}

interface Described {
  readonly digest: string;
  readonly size: number;
}

/** A blob of the layout, whose digest and size were compared with its descriptor. */
function blob({ digest, size }: Described): Buffer {
  const content = readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
  expect(`sha256:${createHash('sha256').update(content).digest('hex')}`).toBe(digest);
  expect(content).toHaveLength(size);
  return content;
}

const parsed = (content: Buffer): Record<string, unknown> => JSON.parse(content.toString()) as Record<string, unknown>;

beforeAll(async () => {
  layOut('root');
  await writeImageArchive(order('root'), archive);
  mkdirSync(layout);
  execFileSync('tar', ['-xf', archive, '-C', layout]);
});

describe('the archive of an image', () => {
  it('is an OCI layout whose descriptors all fit', () => {
    expect(parsed(readFileSync(join(layout, 'oci-layout')))).toEqual({ imageLayoutVersion: '1.0.0' });
    const index = parsed(readFileSync(join(layout, 'index.json'))) as { manifests: (Described & object)[] };
    expect(index.manifests).toHaveLength(1);
    expect(index.manifests[0]).toMatchObject({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      platform: { os: 'linux', architecture: order('root').architecture },
      annotations: { 'org.opencontainers.image.ref.name': '0.1.0' },
    });
    const manifest = parsed(blob(index.manifests[0] as Described)) as { config: Described; layers: Described[] };
    const config = parsed(blob(manifest.config)) as { config: object; rootfs: { diff_ids: string[] } };
    expect(config).toMatchObject({ os: 'linux', created: '2023-11-14T22:13:20.000Z', config: order('root').settings });
    const layer = gunzipSync(blob(manifest.layers[0] as Described));
    expect(config.rootfs.diff_ids).toEqual([`sha256:${createHash('sha256').update(layer).digest('hex')}`]);
    writeFileSync(join(folder, 'layer.tar'), layer);
  });

  it('holds the files as those of root, with their modes, and says nothing of the root folder', () => {
    const options = ['--verbose', '--numeric-owner', '--utc'];
    const list = execFileSync('tar', ['-tf', join(folder, 'layer.tar'), ...options], { encoding: 'utf8' });
    const entries = list
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/\s+/g, ' '));
    expect(entries).toEqual([
      'drwxr-xr-x 0/0 0 2023-11-14 22:13 etc/',
      '-rw-r--r-- 0/0 4 2023-11-14 22:13 etc/name',
      '-rwxr-xr-x 0/0 5 2023-11-14 22:13 hello',
    ]);
  });

  it('is the same for the same files, whenever they were written', async () => {
    layOut('again');
    utimesSync(join(folder, 'again/hello'), 1, 1);
    const again = join(folder, 'again.tar');
    await writeImageArchive(order('again'), again);
    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true);
  });

  it('tells the digest of its manifest', async () => {
    const index = parsed(readFileSync(join(layout, 'index.json'))) as { manifests: Described[] };
    expect(await imageDigest(archive)).toBe(index.manifests[0]?.digest);
  });
});

describe('a machine for images', () => {
  it.each([
    ['Linux on x64 as root', { platform: 'linux', arch: 'x64', isRoot: true }, undefined],
    ['Linux on arm64 as root', { platform: 'linux', arch: 'arm64', isRoot: true }, undefined],
    ['somebody else', { platform: 'linux', arch: 'x64', isRoot: false }, /chroot, which needs root\. Build it with/],
    ['macOS', { platform: 'darwin', arch: 'arm64', isRoot: true }, /this is darwin\. Build it with the Dockerfiles/],
    ['another processor', { platform: 'linux', arch: 's390x', isRoot: true }, /for the processor s390x\./],
  ])('is %s, or not and why', (_, machine, expected) => {
    const obstacle = obstacleTo(machine);
    if (expected === undefined) expect(obstacle).toBeUndefined();
    else expect(obstacle).toMatch(expected);
  });
});
