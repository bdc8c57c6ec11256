import { existsSync } from 'node:fs';
import { copyFile, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { downloadsFolder, installOnce } from './cache.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, run } from './run.ts';

const PART = 'promtool';
const PACKAGE = 'prometheus';
const PROGRAMS = ['promtool', 'prometheus'] as const;

export interface PrometheusInstallation {
  readonly promtool: string;
  readonly prometheus: string;
}

/**
 * Prometheus and its tool for rules, unpacked from Debian's package. That is not installed, as it would bring a service
 * and would take root; both programs need nothing but the C library. Throws NotAvailable.
 */
export async function installPrometheus(): Promise<PrometheusInstallation> {
  const folder = await installOnce({ name: `prometheus-${process.arch}-1`, build });
  return { promtool: join(folder, 'promtool'), prometheus: join(folder, 'prometheus') };
}

async function build(folder: string): Promise<void> {
  try {
    await aloud(`Downloading and unpacking Prometheus (19 MB) from Debian's packages, once`, async () => {
      await take(folder);
      const archive = await packageIn(folder);
      if (archive === undefined) throw new NotAvailable(PART, 'apt-get downloaded no package', command());
      const unpacked = join(folder, 'unpacked');
      await run({ label: 'dpkg-deb', command: 'dpkg-deb', args: ['--extract', archive, unpacked] });
      for (const program of PROGRAMS) await rename(join(unpacked, 'usr/bin', program), join(folder, program));
      await Promise.all([rm(unpacked, { recursive: true }), rm(archive)]);
    });
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(PART, error.message, command());
    throw error;
  }
}

async function take(folder: string): Promise<void> {
  const given = await packageIn(downloadsFolder());
  if (given !== undefined) return copyFile(given, join(folder, basename(given)));
  try {
    await download(folder);
  } catch {
    // The lists may be old, or not there yet; only root can bring new ones.
    await run({ label: 'apt-get update', command: 'apt-get', args: ['-q', 'update'] });
    await download(folder);
  }
}

async function packageIn(folder: string): Promise<string | undefined> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  const name = names.find((one) => one.startsWith(`${PACKAGE}_`) && one.endsWith('.deb'));
  return name === undefined ? undefined : join(folder, name);
}

async function download(folder: string): Promise<void> {
  // As anyone who runs it: the user that apt-get takes for downloads may not write to the cache.
  const args = ['-q', '-o', 'APT::Sandbox::User=', 'download', PACKAGE];
  await run({ label: 'apt-get download', command: 'apt-get', args, cwd: folder });
}

function command(): string {
  return `apt-get update, as root; or, where there is Debian: mkdir -p ${downloadsFolder()} && cd ${downloadsFolder()} && apt-get download ${PACKAGE}`;
}
