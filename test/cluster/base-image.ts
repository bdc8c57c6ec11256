import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { withLock } from '../real/install/lock.ts';
import { aloud } from '../real/install/progress.ts';
import { run } from '../real/install/run.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { outputOf, succeeds } from './command.ts';
import { debianImage } from './debian-image.ts';
import { docker, hasImage, needDocker } from './docker.ts';

/** What the Dockerfiles stand on by default. */
const PUBLIC_IMAGE = 'node:24-bookworm-slim';
const PULL_PATIENCE = 5 * 60_000;
const LOCAL_IMAGE = 'local/node:24';

/** Rises with what the local image is made of. */
const RECIPE = '1';
const RECIPE_LABEL = 'token-acquirer.recipe';

const TRUSTED = '/etc/ssl/certs/ca-certificates.crt';

/**
 * The image to give the Dockerfiles as `NODE_IMAGE`: the public one where it can be had, else one made here from Debian,
 * the Node of this project's dependencies and npm. Throws NotAvailable.
 */
export async function nodeBaseImage(): Promise<string> {
  await needDocker();
  if (await isMade()) return LOCAL_IMAGE;
  return withLock(LOCAL_IMAGE, async () => {
    if (await isMade()) return LOCAL_IMAGE;
    if (await hasImage(PUBLIC_IMAGE)) return PUBLIC_IMAGE;
    if (await succeeds({ program: 'docker', args: ['pull', '--quiet', PUBLIC_IMAGE], timeout: PULL_PATIENCE }))
      return PUBLIC_IMAGE;
    const debian = await debianImage(['ca-certificates']);
    await aloud(`Making the image ${LOCAL_IMAGE}, once`, () => makeImage(debian));
    return LOCAL_IMAGE;
  });
}

async function isMade(): Promise<boolean> {
  const format = `{{index .Config.Labels "${RECIPE_LABEL}"}}`;
  if (!(await hasImage(LOCAL_IMAGE))) return false;
  return (await docker(['image', 'inspect', '--format', format, LOCAL_IMAGE])).trim() === RECIPE;
}

async function makeImage(debian: string): Promise<void> {
  const context = temporaryDirectory();
  try {
    const root = join(context.path, 'root');
    await addNode(root);
    await addTrust(root);
    await writeFile(join(context.path, 'Dockerfile'), dockerfile(debian));
    await run({ label: 'docker build', command: 'docker', args: ['build', '--tag', LOCAL_IMAGE, context.path] });
  } finally {
    context.remove();
  }
}

function dockerfile(debian: string): string {
  return [
    `FROM ${debian}`,
    'COPY root/ /',
    `ENV NODE_EXTRA_CA_CERTS=${TRUSTED}`,
    `LABEL ${RECIPE_LABEL}=${RECIPE}`,
    'CMD ["node"]',
    '',
  ].join('\n');
}

/** At the paths of the public image. */
async function addNode(root: string): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
  const programs = join(root, 'usr/local/bin');
  await mkdir(programs, { recursive: true });
  await copyFile(join(dirname(manifest), 'bin/node'), join(programs, 'node'));
  const version = (await outputOf({ program: 'npm', args: ['--version'] })).trim();
  const args = ['install', '--global', '--ignore-scripts', '--prefix', join(root, 'usr/local'), `npm@${version}`];
  await run({ label: 'npm', command: 'npm', args });
}

/** What this machine trusts and where its packages come from: `npm ci` in a container meets the same servers. */
async function addTrust(root: string): Promise<void> {
  const bundle = [process.env['NODE_EXTRA_CA_CERTS'], TRUSTED].find((file) => file !== undefined && existsSync(file));
  if (bundle !== undefined) {
    await mkdir(join(root, dirname(TRUSTED)), { recursive: true });
    await copyFile(bundle, join(root, TRUSTED));
  }
  const registry = (await outputOf({ program: 'npm', args: ['config', 'get', 'registry'] })).trim();
  await mkdir(join(root, 'usr/local/etc'), { recursive: true });
  await writeFile(join(root, 'usr/local/etc/npmrc'), `registry=${registry}\nupdate-notifier=false\n`);
}
