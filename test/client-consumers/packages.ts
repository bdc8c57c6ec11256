import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { installOnce } from '../real/install/cache.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { aloud } from '../real/install/progress.ts';
import { CommandFailed, run } from '../real/install/run.ts';

/** What an application that uses the client library may have. */
const PACKAGES = {
  'node-fetch': '2.7.0',
  undici: '6.29.1',
  ky: '2.1.0',
  axios: '1.21.1',
  jest: '29.7.0',
  typescript: '5.9.3',
  '@types/node': '20.19.25',
  // The first of the versions of Node that the client library runs on.
  [`node-linux-${process.arch}`]: '20.0.0',
} as const;

/** Rises with what is installed, and how. */
const RECIPE = 1;

export interface ConsumerPackages {
  /** Holds `node_modules`. */
  readonly folder: string;
  readonly node20: string;
  /** What `require` gives for a package. */
  load(name: string): unknown;
}

/** The packages, installed once into the cache of the tests. Throws NotAvailable. */
export async function consumerPackages(): Promise<ConsumerPackages> {
  const folder = await installOnce({ name: `client-consumers-${process.arch}-${RECIPE}`, build: install });
  const require = createRequire(join(folder, 'package.json'));
  return {
    folder,
    node20: join(folder, `node_modules/node-linux-${process.arch}/bin/node`),
    load: (name) => require(name) as unknown,
  };
}

async function install(folder: string): Promise<void> {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefix', folder];
  try {
    await aloud('Installing Node 20.0, Jest 29, TypeScript 5 and libraries for fetch (230 MB) with npm, once', () =>
      run({ label: 'npm install', command: 'npm', args }),
    );
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new NotAvailable('Node 20.0, Jest 29 and libraries for fetch', error.message, 'npm ping');
  }
}
