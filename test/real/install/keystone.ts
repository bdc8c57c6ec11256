import { join } from 'node:path';
import { downloadsFolder, installOnce } from './cache.ts';
import { needPackages } from './debian.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, run } from './run.ts';

const KEYSTONE_VERSION = '30.0.0';
const PART = `OpenStack Keystone ${KEYSTONE_VERSION}`;
/** `setuptools` has what a dependency still imports, and later versions of it have not. */
const PACKAGES = [`keystone==${KEYSTONE_VERSION}`, 'setuptools<81'];

/** The path of a Python that has Keystone. Throws NotAvailable. */
export async function installKeystone(): Promise<string> {
  return join(await installOnce({ name: `keystone-${KEYSTONE_VERSION}-1`, build }), 'bin/python');
}

async function build(folder: string): Promise<void> {
  await needPackages({
    part: PART,
    missing: 'python3 with venv',
    packages: ['python3', 'python3-venv'],
    present: hasVenv,
  });
  const options = ['--quiet', '--disable-pip-version-check', '--find-links', downloadsFolder()];
  try {
    await aloud(`Installing ${PART} (60 MB) with pip, once`, async () => {
      await run({ label: 'python3 -m venv', command: 'python3', args: ['-m', 'venv', folder] });
      // By its module: the scripts name the folder that this one is renamed from.
      const pip = ['-m', 'pip', 'install', ...options, ...PACKAGES];
      await run({ label: 'pip', command: join(folder, 'bin/python'), args: pip });
    });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const packages = PACKAGES.map((name) => `'${name}'`).join(' ');
    throw new NotAvailable(PART, error.message, `python3 -m pip download --dest ${downloadsFolder()} ${packages}`);
  }
}

async function hasVenv(): Promise<boolean> {
  try {
    await run({ label: 'python3', command: 'python3', args: ['-c', 'import ensurepip, venv'] });
    return true;
  } catch (error) {
    if (error instanceof CommandFailed) return false;
    throw error;
  }
}
