import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installOnce } from '../real/install/cache.ts';
import { withLock } from '../real/install/lock.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { aloud } from '../real/install/progress.ts';
import { CommandFailed, run } from '../real/install/run.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { outputOf } from './command.ts';
import { debianImage } from './debian-image.ts';
import { CLUSTER_PART, docker, hasImage } from './docker.ts';

export const KUBERNETES_VERSION = '1.36.3';
const COREDNS_VERSION = '1.15.0';

const NODE = join(import.meta.dirname, 'node');
const NODE_SOURCES = ['go.mod', 'go.sum', 'main.go', 'pause/main.go'];
const DNS = join(import.meta.dirname, 'dns');
const DNS_SOURCES = ['go.mod', 'go.sum', 'main.go'];
const PAUSE_IMAGE = 'local/token-acquirer-pause:1';
const GO_COMMAND = 'install Go 1.26 or later from https://go.dev/dl, and run npm run cluster -- --prepare';
const COMPILE_PATIENCE = 60 * 60_000;

const PACKAGES = [
  'ca-certificates',
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'ethtool',
  'iproute2',
  'iptables',
  'kmod',
  'mount',
  'openssl',
  'procps',
  'runc',
  'socat',
];
const LINKS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubectl',
  'kubelet',
];

/**
 * The tag of the image of the project's own one-node cluster, made at the first call on a machine: from Go modules and
 * Debian packages, in about ten minutes on two cores. Docker must be installed. Throws NotAvailable.
 */
export async function nodeImage(): Promise<string> {
  const made = [hashOf(NODE, [...NODE_SOURCES, 'start']), hashOf(DNS, DNS_SOURCES)].join('-');
  const tag = `local/token-acquirer-node:${KUBERNETES_VERSION}-${made}`;
  if (await hasImage(tag)) return tag;
  // The one compiles, and the other mostly waits for a mirror.
  const [programs, debian] = await Promise.all([compiledPrograms(), debianImage(PACKAGES)]);
  await withLock(tag, async () => {
    if (!(await hasImage(tag))) await aloud(`Making the image ${tag}, once`, () => makeImage(tag, debian, programs));
  });
  return tag;
}

/** One after the other: each uses all cores. */
async function compiledPrograms(): Promise<{ kubernetes: string; coredns: string }> {
  return { kubernetes: await kubernetes(), coredns: await coredns() };
}

/** The folder of `kubernetes`, `pause` and the link `kubectl`, compiled at the first call. Throws NotAvailable. */
export function kubernetes(): Promise<string> {
  const version = `k8s.io/component-base/version.gitVersion=v${KUBERNETES_VERSION}`;
  const [major, minor] = KUBERNETES_VERSION.split('.');
  const numbers = [`version.gitMajor=${major}`, `version.gitMinor=${minor}`].map(
    (text) => `k8s.io/component-base/${text}`,
  );
  return installOnce({
    name: `kubernetes-${KUBERNETES_VERSION}-${hashOf(NODE, NODE_SOURCES)}`,
    build: async (folder) => {
      const settings = [version, ...numbers].map((setting) => `-X ${setting}`).join(' ');
      const what = `Compiling Kubernetes ${KUBERNETES_VERSION}`;
      await compile({ what, sources: NODE, args: [`-ldflags=-s -w ${settings}`, '-o', `${folder}/`, './...'] });
      await symlink('node', join(folder, 'kubectl'));
    },
  });
}

function coredns(): Promise<string> {
  return installOnce({
    name: `coredns-${COREDNS_VERSION}-${hashOf(DNS, DNS_SOURCES)}`,
    build: (folder) =>
      compile({
        what: `Compiling CoreDNS ${COREDNS_VERSION}`,
        sources: DNS,
        args: ['-ldflags=-s -w', '-o', join(folder, 'coredns'), '.'],
      }),
  });
}

interface Compilation {
  readonly what: string;
  readonly sources: string;
  readonly args: readonly string[];
}

/** With a low priority: other tests run in the meantime. */
export async function compile({ what, sources, args }: Compilation): Promise<void> {
  try {
    // From a proxy, a version of a module is never fetched from its repository: that would need more than a proxy.
    const known = (await outputOf({ program: 'go', args: ['env', 'GOPROXY'] })).trim();
    const GOPROXY = known.replace(/[,|]direct$/, '');
    const command = ['-n', '10', 'go', 'build', '-trimpath', '-buildvcs=false', ...args];
    await aloud(`${what} from its Go modules, once`, () =>
      run(
        { label: 'go build', command: 'nice', args: command, cwd: sources, env: { CGO_ENABLED: '0', GOPROXY } },
        COMPILE_PATIENCE,
      ),
    );
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new NotAvailable(CLUSTER_PART, error.message, GO_COMMAND);
  }
}

async function makeImage(
  tag: string,
  debian: string,
  programs: { kubernetes: string; coredns: string },
): Promise<void> {
  const context = temporaryDirectory();
  const inContext = (...names: string[]): string => join(context.path, ...names);
  try {
    await mkdir(inContext('pause'));
    await copyFile(join(programs.kubernetes, 'pause'), inContext('pause/pause'));
    await writeFile(inContext('pause/Dockerfile'), 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n');
    await build(PAUSE_IMAGE, inContext('pause'));
    await mkdir(inContext('node/bin'), { recursive: true });
    await docker(['save', '--output', inContext('node/pause.tar'), PAUSE_IMAGE]);
    await copyFile(join(programs.kubernetes, 'node'), inContext('node/bin/kubernetes'));
    await copyFile(join(programs.coredns, 'coredns'), inContext('node/bin/coredns'));
    await copyFile(join(NODE, 'start'), inContext('node/bin/start'));
    for (const link of LINKS) await symlink('kubernetes', inContext('node/bin', link));
    await writeFile(inContext('node/Dockerfile'), dockerfile(debian));
    await build(tag, inContext('node'));
  } finally {
    context.remove();
  }
}

function dockerfile(debian: string): string {
  return [
    `FROM ${debian}`,
    'COPY pause.tar /usr/local/share/',
    'COPY bin/ /usr/local/bin/',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin KUBECONFIG=/etc/kubernetes/admin.conf',
    'ENTRYPOINT ["/usr/local/bin/start"]',
    '',
  ].join('\n');
}

async function build(tag: string, folder: string): Promise<void> {
  await run({ label: 'docker build', command: 'docker', args: ['build', '--quiet', '--tag', tag, folder] });
}

/** Of the files' names and contents. */
export function hashOf(folder: string, names: readonly string[]): string {
  const hash = createHash('sha256');
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 8);
}
