import { glob, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installOnce } from './cache.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, isOnPath, run } from './run.ts';

export interface NginxInstallation {
  readonly program: string;
  /** The module that runs JavaScript. */
  readonly module: string;
}

const PART = 'nginx with njs';
const PACKAGES = ['nginx', 'libnginx-mod-http-js'];

/** Debian's nginx with njs, unpacked into the cache: the installed package would start a service. Throws NotAvailable. */
export async function installNginx(): Promise<NginxInstallation> {
  const folder = await installOnce({ name: `nginx-${process.arch}-1`, build });
  return {
    program: join(folder, 'usr/sbin/nginx'),
    module: join(folder, 'usr/lib/nginx/modules/ngx_http_js_module.so'),
  };
}

async function build(folder: string): Promise<void> {
  const command = `apt-get download ${PACKAGES.join(' ')}`;
  if (!(await isOnPath('apt-get'))) throw new NotAvailable(PART, 'there is no apt-get', command);
  try {
    await aloud(`Downloading ${PACKAGES.join(', ')}, once`, () =>
      run({ label: 'apt-get download', command: 'apt-get', args: ['download', '-q', ...PACKAGES], cwd: folder }),
    );
    const unpacked = join(folder, 'unpacked');
    for await (const file of glob(join(folder, '*.deb'))) {
      await run({ label: 'dpkg-deb', command: 'dpkg-deb', args: ['-x', file, unpacked] });
      await rm(file);
    }
    await rename(join(unpacked, 'usr'), join(folder, 'usr'));
    await rm(unpacked, { recursive: true });
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(PART, error.message, command);
    throw error;
  }
}
