import { join } from 'node:path';
import { outputOf, succeeds } from '../cluster/command.ts';

const ROOT = join(import.meta.dirname, '../..');
const PATIENCE = 20 * 60_000;

/** A way to build images on this machine. */
export interface Builder {
  readonly name: 'the classic builder' | 'BuildKit';
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Client versions before 23 bring BuildKit with them; later ones have it as the plugin buildx. */
const FIRST_WITH_PLUGIN = 23;
/** Debian's own client, where another one comes first on the path. */
const CLIENTS = ['docker', '/usr/bin/docker'];

/** Each builder that there is here. */
export async function buildersHere(): Promise<readonly Builder[]> {
  const builders: Builder[] = [{ name: 'the classic builder', program: 'docker', env: { DOCKER_BUILDKIT: '0' } }];
  for (const program of CLIENTS) {
    if (!(await hasBuildKit(program))) continue;
    builders.push({ name: 'BuildKit', program, env: { DOCKER_BUILDKIT: '1' } });
    break;
  }
  return builders;
}

async function hasBuildKit(program: string): Promise<boolean> {
  if (await succeeds({ program, args: ['buildx', 'version'] })) return true;
  if (!(await succeeds({ program, args: ['version'] }))) return false;
  const version = await outputOf({ program, args: ['version', '--format', '{{.Client.Version}}'] });
  return Number.parseInt(version, 10) < FIRST_WITH_PLUGIN;
}

export interface Build {
  readonly dockerfile: string;
  readonly target: string;
  readonly base: string;
  readonly tag: string;
}

/** Builds one image of the working tree. Throws CommandFailed. */
export async function buildWith(builder: Builder, { dockerfile, target, base, tag }: Build): Promise<void> {
  const args = [`--file=${join(ROOT, dockerfile)}`, `--target=${target}`, `--build-arg=NODE_IMAGE=${base}`];
  await outputOf({
    label: `${builder.name}, ${target}`,
    program: builder.program,
    env: builder.env,
    timeout: PATIENCE,
    args: ['build', '--quiet', `--tag=${tag}`, ...args, ROOT],
  });
}
