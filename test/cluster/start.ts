import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../src/core/errors.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { say, type Tell } from '../real/install/progress.ts';
import { docker, needDocker } from './docker.ts';
import { type ClusterRecord, containerIn } from './record.ts';

/** Names the kubeconfig of a cluster that the tests are to use in place of their own one. */
export const KUBECONFIG_VARIABLE = 'TOKEN_ACQUIRER_TEST_KUBECONFIG';

export interface Start {
  /** The container's, where one is started. */
  readonly name: string;
  /** For its kubeconfig. */
  readonly folder: string;
  readonly tell?: Tell;
}

/**
 * The cluster of the kubeconfig that the environment names; else k3s, where its image can be had; else a node of the
 * project's own. Says which, once. Throws NotAvailable.
 */
export async function startCluster({ name, folder, tell = say }: Start): Promise<ClusterRecord> {
  const given = givenCluster();
  if (given !== undefined) {
    tell(`Cluster: ${given.name}.`);
    return given;
  }
  await needDocker();
  const start = await chosenStart();
  try {
    const began = performance.now();
    const record = await start(name, folder);
    tell(`Cluster: ${record.name}, started in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
    return record;
  } catch (error) {
    if (error instanceof NotAvailable) throw error;
    throw new Error(`The cluster did not start: ${messageOf(error)} ${await lastWords(name)}`, { cause: error });
  }
}

/** Has ready all that a start takes, where no cluster is given: on two cores that lasts ten minutes, once. */
export async function prepareCluster(): Promise<void> {
  if (givenCluster() !== undefined) return;
  await needDocker();
  const { hasK3s } = await import('./k3s.ts');
  if (await hasK3s()) return;
  const { nodeImage } = await import('./image.ts');
  await nodeImage();
  const { prepareEnforcement } = await import('./policy-enforcer.ts');
  await prepareEnforcement();
}

/** testcontainers is loaded only where it is needed, and its reaper is off, because the guard does that work. */
async function chosenStart(): Promise<(name: string, folder: string) => Promise<ClusterRecord>> {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const { hasK3s, startK3s } = await import('./k3s.ts');
  if (await hasK3s()) return startK3s;
  const { nodeImage } = await import('./image.ts');
  await nodeImage();
  const { startOwnNode } = await import('./own-node.ts');
  return startOwnNode;
}

/** Whether the environment names a cluster, which then is the one of all suites, and somebody else's. */
export function isClusterGiven(): boolean {
  return (process.env[KUBECONFIG_VARIABLE] ?? '') !== '';
}

function givenCluster(): ClusterRecord | undefined {
  const file = process.env[KUBECONFIG_VARIABLE] ?? '';
  if (!isClusterGiven()) return undefined;
  const kubeconfig = resolve(file);
  const container = containerIn(readFileSync(kubeconfig, 'utf8'));
  return {
    name: `that of ${KUBECONFIG_VARIABLE}, ${kubeconfig}`,
    kubeconfig,
    ownNode: container !== undefined,
    ...(container === undefined ? {} : { container }),
  };
}

async function lastWords(name: string): Promise<string> {
  try {
    return `Its container said last: ${(await docker(['logs', '--tail', '5', name])).trim()}`;
  } catch {
    return 'Its container said nothing.';
  }
}
