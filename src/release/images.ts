import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layOutImage, type Program } from '../build.ts';
import { type Bill, steadyBill } from './bill.ts';
import { writeImageArchive } from './image-archive.ts';
import { settingsOf } from './image-settings.ts';
import { PartLeftOut } from './left-out.ts';

const IMAGES: readonly { readonly program: Program; readonly dockerfile: string }[] = [
  { program: 'token-acquirer', dockerfile: 'Dockerfile.token-acquirer' },
  { program: 'client-app', dockerfile: 'Dockerfile.client-app' },
  { program: 'example-services', dockerfile: 'Dockerfile.token-acquirer' },
];
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const INSTEAD =
  'Build it with the Dockerfiles instead (docs/install/images.md), or run this command as root in node:24-bookworm.';

export interface ImagesOrder {
  readonly root: string;
  readonly folder: string;
  readonly version: string;
  readonly time: number;
  readonly commit: string;
}

/** Where the command runs. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly isRoot: boolean;
}

/** Returns why no image can be built on such a machine, or `undefined`. */
export function obstacleTo({ platform, arch, isRoot }: Machine): string | undefined {
  if (platform !== 'linux') return `The images hold the Node of the machine, and this is ${platform}. ${INSTEAD}`;
  if (ARCHITECTURES[arch] === undefined) return `There is no image for the processor ${arch}. ${INSTEAD}`;
  if (!isRoot) return `The compile cache of the image is written in a chroot, which needs root. ${INSTEAD}`;
  return undefined;
}

/**
 * Writes each image for the platform of this machine as an archive, with its bill of materials, without a container
 * runtime. Throws PartLeftOut.
 */
export async function buildImages(order: ImagesOrder): Promise<void> {
  const { platform, arch } = process;
  const obstacle = obstacleTo({ platform, arch, isRoot: process.getuid?.() === 0 });
  if (obstacle !== undefined) throw new PartLeftOut(obstacle);
  for (const image of IMAGES) {
    const place = await mkdtemp(join(tmpdir(), 'token-acquirer-root-'));
    try {
      await buildImage(order, image, join(place, 'root'));
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }
}

async function buildImage(
  order: ImagesOrder,
  { program, dockerfile }: (typeof IMAGES)[number],
  root: string,
): Promise<void> {
  const { version, time, folder } = order;
  const architecture = ARCHITECTURES[process.arch] ?? '';
  const base = `${program}-${version}-linux-${architecture}`;
  await mkdir(root, { mode: 0o755 });
  await layOutImage(program, root);
  const bill = join(root, `usr/share/sbom/${program}.cdx.json`);
  const text = `${JSON.stringify(steadyBill(JSON.parse(await readFile(bill, 'utf8')) as Bill, time), null, 2)}\n`;
  for (const place of [bill, join(folder, `${base}.cdx.json`)]) await writeFile(place, text);
  const settings = settingsOf(await readFile(join(order.root, dockerfile), 'utf8'), program, { VERSION: version });
  const Labels = { ...settings.Labels, 'org.opencontainers.image.revision': order.commit };
  const image = { root, name: program, version, architecture, settings: { ...settings, Labels }, time };
  await writeImageArchive(image, join(folder, `${base}.oci.tar`));
}
