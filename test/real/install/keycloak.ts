import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadsFolder, installOnce } from './cache.ts';
import { needPackages } from './debian.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, isOnPath, run } from './run.ts';

export const KEYCLOAK_VERSION = '26.7.3';

const PART = `Keycloak ${KEYCLOAK_VERSION}`;
const ARCHIVE = `keycloak-quarkus-dist-${KEYCLOAK_VERSION}.zip`;
const ARTEFACT = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK_VERSION}:zip`;
const OLDEST_JAVA = 17;

/** What some tests need beyond the default: secrets that expire, and clients and users whose JWTs others issue. */
const FEATURES = [
  'client-secret-rotation',
  'client-auth-federated',
  'jwt-authorization-grant',
  'kubernetes-service-accounts',
  'spiffe',
];

/** Makes Java start sooner: a test server does not live long enough for the second compiler to pay. */
export const QUICK_JAVA = { JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1' };

/** A folder with `bin/kc.sh`, built for `start --optimized`. Throws NotAvailable. */
export async function installKeycloak(): Promise<string> {
  await needTools([{ missing: `Java ${OLDEST_JAVA} or later`, of: 'default-jre-headless', present: hasJava }]);
  return installOnce({ name: `keycloak-${KEYCLOAK_VERSION}-2`, build });
}

async function build(folder: string): Promise<void> {
  const given = join(downloadsFolder(), ARCHIVE);
  await needTools([
    { missing: 'mvn', of: 'maven', present: async () => existsSync(given) || (await isOnPath('mvn')) },
    { missing: 'unzip', of: 'unzip', present: () => isOnPath('unzip') },
  ]);
  const archive = existsSync(given) ? given : await download(folder);
  await aloud(`Unpacking and building ${PART}, once`, async () => {
    await unpack(archive, folder);
    await run({
      label: 'kc.sh build',
      command: join(folder, 'bin/kc.sh'),
      // The database in memory: each run of the tests begins with nothing.
      args: ['build', '--db=dev-mem', `--features=${FEATURES.join(',')}`],
      env: QUICK_JAVA,
    });
  });
}

interface Tool {
  readonly missing: string;
  /** The Debian package. */
  readonly of: string;
  readonly present: () => Promise<boolean>;
}

async function needTools(tools: readonly Tool[]): Promise<void> {
  const looked = await Promise.all(tools.map(async (tool) => ({ ...tool, there: await tool.present() })));
  const absent = looked.filter(({ there }) => !there);
  await needPackages({
    part: PART,
    missing: absent.map(({ missing }) => missing).join(' and '),
    packages: absent.map(({ of }) => of),
    present: async () => (await Promise.all(absent.map(({ present }) => present()))).every(Boolean),
  });
}

async function download(folder: string): Promise<string> {
  const into = join(folder, 'download');
  await mkdir(into);
  // Its own repository, which is removed afterwards, spares ~/.m2 a second copy.
  const repository = `-Dmaven.repo.local=${join(into, 'repository')}`;
  const args = ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTEFACT}`, `-DoutputDirectory=${into}`, repository];
  try {
    await aloud(`Downloading ${PART} (177 MB) with Maven, once`, () => run({ label: 'mvn', command: 'mvn', args }));
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const command = `mvn dependency:copy -Dartifact=${ARTEFACT} -DoutputDirectory=${downloadsFolder()}`;
    throw new NotAvailable(PART, error.message, command);
  }
  return join(into, ARCHIVE);
}

async function unpack(archive: string, folder: string): Promise<void> {
  await run({ label: 'unzip', command: 'unzip', args: ['-q', archive, '-d', folder] });
  const inner = join(folder, `keycloak-${KEYCLOAK_VERSION}`);
  for (const entry of await readdir(inner)) await rename(join(inner, entry), join(folder, entry));
  await rm(inner, { recursive: true });
  await rm(join(folder, 'download'), { recursive: true, force: true });
}

async function hasJava(): Promise<boolean> {
  const home = process.env['JAVA_HOME'] ?? '';
  const java = home === '' ? 'java' : join(home, 'bin/java');
  try {
    const said = await run({ label: 'java -version', command: java, args: ['-version'] });
    return Number(/version "(\d+)/.exec(said)?.[1] ?? 0) >= OLDEST_JAVA;
  } catch (error) {
    if (error instanceof CommandFailed) return false;
    throw error;
  }
}
