import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installOnce } from '../real/install/cache.ts';
import { until } from '../support/until.ts';
import type { TestCluster } from './cluster.ts';
import { outputOf } from './command.ts';
import { debianImage } from './debian-image.ts';
import { docker } from './docker.ts';
import { compile, hashOf } from './image.ts';
import type { ClusterNode } from './node.ts';
import { containerIn } from './record.ts';

const SOURCES = join(import.meta.dirname, 'policies');
const SOURCE_FILES = ['go.mod', 'go.sum', 'main.go'];
const PROGRAM = 'policies';
const LOG = '/var/log/node/policies.log';
/** What the node's image lacks; its libraries are those of the node, which is of the same Debian. */
const IPSET = 'tar -c -C / usr/sbin/ipset $(cd / && ls usr/lib/*/libipset.so* usr/lib/*/libmnl.so*)';
const IPSET_PACKAGES = ['ipset'];
const PATIENCE = 30_000;

/**
 * Has NetworkPolicies enforced on the project's own node, which by itself takes them and does nothing, until it is
 * stopped. Only one suite at a time may use it in the cluster: kube-router rewrites a table that the node's proxy writes
 * to. Other clusters are left as they are: k3s enforces them itself. Throws NotAvailable.
 */
export async function enforcePolicies(cluster: TestCluster): Promise<{ stop(): Promise<void> }> {
  const container = containerIn(readFileSync(cluster.kubeconfig, 'utf8'));
  const { node } = cluster;
  if (node === undefined || container === undefined) return { stop: async () => {} };
  const folder = await enforcer();
  await addIpset(container);
  await end(node);
  await docker(['cp', join(folder, PROGRAM), `${container}:/usr/local/bin/${PROGRAM}`]);
  const command = `exec ${PROGRAM} /etc/kubernetes/admin.conf >${LOG} 2>&1`;
  await docker(['exec', '--detach', container, 'sh', '-c', command]);
  try {
    await until('The first rules of the policies', async () => (await rules(node)) > 0, PATIENCE);
  } catch (error) {
    throw new Error(`Policies are not enforced: ${await node.exec(['tail', '-n', '5', LOG])}`, { cause: error });
  }
  return { stop: () => end(node) };
}

/** Makes ready what `enforcePolicies` needs. Throws NotAvailable. */
export async function prepareEnforcement(): Promise<void> {
  await Promise.all([enforcer(), debianImage(IPSET_PACKAGES)]);
}

/** From the Go modules of kube-router, in two minutes on two cores, once. */
function enforcer(): Promise<string> {
  return installOnce({
    name: `policies-${hashOf(SOURCES, SOURCE_FILES)}`,
    build: (folder) =>
      compile({
        what: 'Compiling an enforcer of network policies',
        sources: SOURCES,
        args: ['-ldflags=-s -w', '-o', join(folder, PROGRAM), '.'],
      }),
  });
}

async function addIpset(container: string): Promise<void> {
  const image = await debianImage(IPSET_PACKAGES);
  const script = 'docker run --rm "$1" sh -c "$2" | docker exec --interactive "$3" tar -x -C /';
  const args = ['-o', 'pipefail', '-c', script, 'ipset', image, IPSET, container];
  await outputOf({ label: 'bring ipset to the node', program: 'bash', args });
}

/** It takes its rules away before it ends. */
async function end(node: ClusterNode): Promise<void> {
  await node.exec(['sh', '-c', `pkill -TERM -x ${PROGRAM} || true`]);
  const isGone = async (): Promise<boolean> =>
    (await node.exec(['sh', '-c', `pgrep -x ${PROGRAM} || true`])).trim() === '';
  await until('The end of the enforcer of policies', isGone, PATIENCE);
  const left = await rules(node);
  if (left > 0) throw new Error(`${left} rules of the enforcer of policies stay in the node.`);
}

async function rules(node: ClusterNode): Promise<number> {
  return (await node.exec(['iptables', '-S'])).split('\n').filter((line) => /KUBE-(?:ROUTER|POD-FW)/.test(line)).length;
}
