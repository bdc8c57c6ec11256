import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../real/install/cache.ts';
import { needPackages } from '../real/install/debian.ts';
import { withLock } from '../real/install/lock.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { aloud } from '../real/install/progress.ts';
import { CommandFailed, isOnPath, run } from '../real/install/run.ts';
import { debianMirror, INDEX_FORMAT } from './debian-mirror.ts';
import { CLUSTER_PART, hasImage } from './docker.ts';

const SUITE = 'bookworm';
const RELEASE = '/etc/os-release';

/**
 * The tag of a local image of Debian 12 with these packages, made by debootstrap where no registry has one for us.
 * Throws NotAvailable.
 */
export async function debianImage(packages: readonly string[]): Promise<string> {
  const key = createHash('sha256').update(packages.join()).digest('hex').slice(0, 8);
  const tag = `local/token-acquirer-debian:12-${key}`;
  if (await hasImage(tag)) return tag;
  await needPackages({
    part: CLUSTER_PART,
    missing: 'debootstrap',
    packages: ['debootstrap'],
    present: () => isOnPath('debootstrap'),
  });
  if (process.getuid?.() !== 0) {
    throw new NotAvailable(CLUSTER_PART, 'only root can make an image of Debian', 'sudo npm test');
  }
  // One at a time, because they share the folder of downloads.
  await withLock('debootstrap', async () => {
    if (!(await hasImage(tag))) await makeImage(tag, packages);
  });
  return tag;
}

async function makeImage(tag: string, packages: readonly string[]): Promise<void> {
  const source = await mirror();
  // Two images share most of their packages.
  const downloads = join(cacheFolder(), 'debian-packages');
  await mkdir(downloads, { recursive: true });
  const folder = await mkdtemp(join(cacheFolder(), '.debian-'));
  const options = ['--variant=minbase', `--cache-dir=${downloads}`, `--include=${packages.join()}`];
  try {
    await aloud(`Making an image of Debian 12 with ${packages.join(', ')}, once`, async () => {
      const args = ['-n', '10', 'debootstrap', ...options, SUITE, folder, source];
      await run({ label: 'debootstrap', command: 'nice', args });
      const script = 'tar -C "$1" --exclude=./var/cache/apt/archives/*.deb -c . | docker import - "$2"';
      await run({ label: 'docker import', command: '/bin/sh', args: ['-ec', script, 'import', folder, tag] });
    });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new NotAvailable(CLUSTER_PART, error.message, `debootstrap ${SUITE} /tmp/debian ${source}, to see why`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Throws NotAvailable where this machine knows none. */
async function mirror(): Promise<string> {
  const args = ['indextargets', '--format', INDEX_FORMAT, 'Created-By: Packages'];
  const found = debianMirror({
    targets: (await isOnPath('apt-get')) ? await run({ label: 'apt-get indextargets', command: 'apt-get', args }) : '',
    release: existsSync(RELEASE) ? readFileSync(RELEASE, 'utf8') : '',
    named: process.env['DEBIAN_MIRROR'],
  });
  if (found !== undefined) return found;
  const command = 'DEBIAN_MIRROR=<URL of a mirror of Debian> npm test';
  throw new NotAvailable(CLUSTER_PART, 'this machine installs no packages from a mirror of Debian', command);
}
