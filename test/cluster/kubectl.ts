import { existsSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NotAvailable } from '../real/install/not-available.ts';
import { isOnPath } from '../real/install/run.ts';
import { outputOf } from './command.ts';
import { docker } from './docker.ts';
import { kubernetes } from './image.ts';
import type { ClusterRecord } from './record.ts';

export type RunKubectl = (args: readonly string[], input?: string) => Promise<string>;

const PATIENCE = 5 * 60_000;

/** A kubectl for this cluster: that which the project's node is made of, k3s's own, or for a given one the machine's. */
export async function findKubectl({ ownNode, container, kubeconfig }: ClusterRecord): Promise<string> {
  if (ownNode) return join(await kubernetes(), 'kubectl');
  if (container !== undefined) return kubectlOfK3s(container, dirname(kubeconfig));
  if (await isOnPath('kubectl')) return 'kubectl';
  throw new NotAvailable(
    'A given cluster',
    'kubectl is missing',
    'install it from https://kubernetes.io/docs/tasks/tools',
  );
}

export function kubectlRunner(program: string, kubeconfig: string): RunKubectl {
  const env = { KUBECONFIG: kubeconfig };
  return (args, input = '') => {
    const verb = args.filter((arg) => !arg.startsWith('-')).slice(0, 2);
    return outputOf({ label: ['kubectl', ...verb].join(' '), program, args, input, env, timeout: PATIENCE });
  };
}

/** k3s is one program, which is kubectl by that name. */
async function kubectlOfK3s(container: string, folder: string): Promise<string> {
  const link = join(folder, 'kubectl');
  if (!existsSync(link)) {
    await docker(['cp', `${container}:/bin/k3s`, join(folder, 'k3s')]);
    symlinkSync('k3s', link);
  }
  return link;
}
