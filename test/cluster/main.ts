import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { helmFolders } from '../charts/helm.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { nodeBaseImage } from './base-image.ts';
import { guard } from './guard.ts';
import { findKubectl } from './kubectl.ts';
import { loadCommand } from './load-image.ts';
import type { ClusterRecord } from './record.ts';
import { followRestarts } from './restarts.ts';
import { KUBECONFIG_VARIABLE, prepareCluster, startCluster } from './start.ts';

const HELP = `Starts a cluster for development, the same that the tests use. Ctrl-C removes it.

  npm run cluster
  npm run cluster -- --name NAME   of its container; by default token-acquirer-dev
  npm run cluster -- --prepare     makes what it takes ready, and starts none: ten minutes, once
`;

async function prepare(): Promise<void> {
  await Promise.all([prepareCluster(), nodeBaseImage()]);
}

/** Where kubectl and helm are, as far as the tests have them. */
async function programs(record: ClusterRecord): Promise<string> {
  const kubectl = record.ownNode ? [dirname(await findKubectl(record))] : [];
  const folders = [...kubectl, ...helmFolders()];
  // Last in the path: the folder of kubectl has a program `node`, which starts the parts of Kubernetes.
  if (folders.length === 0) return '';
  return `kubectl${helmFolders().length > 0 ? ' and helm are' : ' is'} in the cache of the tests:
  export PATH=$PATH:${folders.join(':')}
`;
}

async function runCluster(name: string): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-cluster-'));
  const guarded = guard(name, folder);
  try {
    const starting = startCluster({ name, folder });
    const record = await Promise.race([starting, ended]);
    if (record === undefined) return;
    process.stdout.write(`
export KUBECONFIG=${record.kubeconfig}
export ${KUBECONFIG_VARIABLE}=${record.kubeconfig}   # to have the tests use it

An image of this machine's Docker is brought to it without a registry by:
  ${loadCommand('token-acquirer:0.1.0', record.container ?? name)}

${await programs(record)}
Ctrl-C removes it. After \`docker restart ${record.container ?? name}\` the kubeconfig is written anew.
`);
    const stop = new AbortController();
    // Nothing else keeps this process.
    const alive = setInterval(() => {}, 60_000);
    const tell = (text: string): void => void process.stdout.write(`${text}\n`);
    if (record.ownNode && record.container !== undefined) {
      const { container, kubeconfig } = record;
      void followRestarts({ container, kubeconfig }, stop.signal, { tell });
    }
    await ended;
    stop.abort();
    clearInterval(alive);
    process.stdout.write('Removing the cluster.\n');
  } finally {
    await guarded.end();
  }
}

/** `undefined` for wrong arguments, which Node's own error would quote. */
function readArguments(): { name?: string; prepare?: boolean; help?: boolean } | undefined {
  try {
    const options = { name: { type: 'string' }, prepare: { type: 'boolean' }, help: { type: 'boolean' } } as const;
    return parseArgs({ options }).values;
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const values = readArguments();
  if (values === undefined) {
    process.stderr.write(`These are not its arguments.\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  if (values.help === true) return void process.stdout.write(HELP);
  try {
    await (values.prepare === true ? prepare() : runCluster(values.name ?? 'token-acquirer-dev'));
    // What was still starting is not waited for.
    process.exit(0);
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

await main();
