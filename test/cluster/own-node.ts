import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GenericContainer, Wait } from 'testcontainers';
import { docker } from './docker.ts';
import { KUBERNETES_VERSION, nodeImage } from './image.ts';
import { type Access, type ClusterRecord, writeKubeconfig } from './record.ts';

const API_PORT = 6443;
const START_TIMEOUT = 180_000;

/** By their numbers in Linux, without the latest three, which Docker of Debian 12 does not know. */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
];

/** Those in a set, as /proc/PID/status writes one. */
export function capabilitiesIn(set: string): string[] {
  const bits = BigInt(`0x${set}`);
  return CAPABILITIES.filter((_, number) => (bits >> BigInt(number)) & 1n);
}

/**
 * A container may have at most what this machine has: `--privileged` asks for all, and is rejected where one is missing.
 */
function capabilitiesHere(): string[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  return capabilitiesIn(/^CapBnd:\s*(\w+)$/m.exec(status)?.[1] ?? '0');
}

class NodeContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.withAddedCapabilities(...capabilitiesHere())
      .withSecurityOpt('seccomp=unconfined', 'apparmor=unconfined')
      .withTmpFs({ '/run': 'rw', '/tmp': 'rw' })
      .withBindMounts([{ source: '/lib/modules', target: '/lib/modules', mode: 'ro' }])
      .withExposedPorts(API_PORT)
      .withWaitStrategy(Wait.forLogMessage(/^NODE READY/m))
      .withStartupTimeout(START_TIMEOUT);
    // The types of Docker's API know some of these, and all are in it.
    Object.assign(this.hostConfig, {
      PortBindings: { [`${API_PORT}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '0' }] },
      CgroupnsMode: 'private',
      MaskedPaths: [],
      ReadonlyPaths: [],
      Devices: [{ PathOnHost: '/dev/kmsg', PathInContainer: '/dev/kmsg', CgroupPermissions: 'rwm' }],
      DeviceCgroupRules: ['a *:* rwm'],
    });
    // Layers cannot lie on layers: what containerd and the kubelet mount lies outside of the container's.
    this.createOpts.Volumes = { '/var/lib/containerd': {}, '/var/lib/kubelet': {}, '/var/lib/etcd': {} };
  }
}

/** Starts the project's own one-node cluster in a container of this name. Throws NotAvailable. */
export async function startOwnNode(name: string, folder: string): Promise<ClusterRecord> {
  const image = await nodeImage();
  await new NodeContainer(image).withName(name).start();
  const kubeconfig = join(folder, 'kubeconfig');
  writeKubeconfig(kubeconfig, await accessOf(name));
  return { name: `own node, Kubernetes ${KUBERNETES_VERSION}`, kubeconfig, ownNode: true, container: name };
}

/** How the node in this container is reached at present. */
export async function accessOf(container: string, run: typeof docker = docker): Promise<Access> {
  const inNode = (file: string): Promise<string> => run(['exec', container, 'cat', file]);
  const port = /:(\d+)\s*$/m.exec(await run(['port', container, `${API_PORT}/tcp`]))?.[1] ?? '';
  return {
    // Its certificate is for that name.
    server: `https://localhost:${port}`,
    authority: await inNode('/var/lib/node/api-server/apiserver.crt'),
    token: /token: "(\w+)"/.exec(await inNode('/etc/kubernetes/admin.conf'))?.[1] ?? '',
    container,
  };
}
