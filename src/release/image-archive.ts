import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ImageSettings } from './image-settings.ts';
import { outputOf } from './program-output.ts';

export interface ImageOrder {
  /** Holds the files of the image. */
  readonly root: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly settings: ImageSettings;
  /** The time of all files and of the image, in seconds since the Unix epoch. */
  readonly time: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const OCI = 'application/vnd.oci.image';

/**
 * Writes the image as one archive: an OCI layout, and next to it the `manifest.json` by which older Dockers load it.
 * Needs GNU tar.
 */
export async function writeImageArchive(order: ImageOrder, file: string): Promise<void> {
  const layout = await mkdtemp(join(tmpdir(), 'token-acquirer-image-'));
  try {
    const layer = join(layout, 'layer.tar');
    await pack(order.root, order.time, layer);
    const tar = await readFile(layer);
    await rm(layer);
    await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
    const layers = [await blob(layout, `${OCI}.layer.v1.tar+gzip`, gzipSync(tar, { level: 6 }))];
    const config = await blob(layout, `${OCI}.config.v1+json`, json(configurationOf(order, digestOf(tar))));
    const manifest = { schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers };
    const described = await blob(layout, manifest.mediaType, json(manifest));
    await writeIndexes(layout, order, { ...manifest, described });
    await pack(layout, order.time, file);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

/** Resolves with the digest of the manifest, `sha256:…`, by which a registry knows the image of the archive. */
export async function imageDigest(file: string): Promise<string> {
  const index = JSON.parse(await outputOf('tar', ['--extract', '--to-stdout', '--file', file, 'index.json'])) as {
    readonly manifests: readonly { readonly digest: string }[];
  };
  return index.manifests[0]?.digest ?? '';
}

interface Described {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly described: Descriptor;
}

async function writeIndexes(
  layout: string,
  order: ImageOrder,
  { config, layers, described }: Described,
): Promise<void> {
  const { name, version, architecture } = order;
  const annotations = {
    'org.opencontainers.image.ref.name': version,
    'io.containerd.image.name': `docker.io/library/${name}:${version}`,
  };
  const image = { ...described, platform: { architecture, os: 'linux' }, annotations };
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [image] };
  const pathOf = ({ digest }: Descriptor): string => `blobs/${digest.replace(':', '/')}`;
  const forDocker = [{ Config: pathOf(config), RepoTags: [`${name}:${version}`], Layers: layers.map(pathOf) }];
  await writeFile(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(layout, 'index.json'), json(index));
  await writeFile(join(layout, 'manifest.json'), json(forDocker));
}

function configurationOf({ architecture, settings, time }: ImageOrder, layer: string): object {
  const created = new Date(time * 1000).toISOString();
  return {
    created,
    architecture,
    os: 'linux',
    config: settings,
    rootfs: { type: 'layers', diff_ids: [layer] },
    history: [{ created, created_by: 'npm run release' }],
  };
}

async function blob(layout: string, mediaType: string, content: Buffer): Promise<Descriptor> {
  const digest = digestOf(content);
  await writeFile(join(layout, 'blobs', digest.replace(':', '/')), content);
  return { mediaType, digest, size: content.length };
}

/** Packs what is in the folder, not the folder itself, whose mode would become that of the root. */
async function pack(folder: string, time: number, file: string): Promise<void> {
  const entries = (await readdir(folder)).filter((entry) => join(folder, entry) !== file).toSorted();
  const steady = ['--sort=name', '--format=gnu', `--mtime=@${time}`, '--owner=0', '--group=0', '--numeric-owner'];
  await outputOf('tar', ['--create', '--file', file, ...steady, '--directory', folder, '--', ...entries]);
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
