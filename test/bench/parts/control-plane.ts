import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from 'undici';
import { kubernetes } from '../../cluster/image.ts';
import { writeKubeconfig } from '../../cluster/record.ts';
import { endGroup, guardedSpawn } from '../../real/guarded-spawn.ts';
import { freePort } from '../../support/free-port.ts';
import type { Scope } from '../benchmark.ts';

const PATIENCE = 60_000;
/** Pieces of output that are quoted where it does not start. */
const MOST_SAID = 20;
/** Requests of the benchmark itself at the same time. */
const CONNECTIONS = 16;

/** How many requests about Secrets the API server answered, by verb. */
export type RequestCounts = Readonly<Record<string, number>>;

export interface ControlPlane {
  readonly kubeconfig: string;
  /** `https://127.0.0.1:port`, with its CA and an administrator's token. */
  readonly server: string;
  readonly authority: string;
  readonly token: string;
  /** Carries out one request as administrator. Throws for any answer but a success. */
  send(method: 'GET' | 'POST', path: string, body?: object): Promise<string>;
  requests(): Promise<RequestCounts>;
}

/**
 * Starts a real kube-apiserver with a real etcd, and nothing else of Kubernetes: no node, no controllers. Both end with the
 * scope. Their program is that of the tests' node, compiled at the first call. Throws NotAvailable.
 */
export async function startControlPlane(scope: Scope): Promise<ControlPlane> {
  const program = join(await kubernetes(), 'node');
  const root = mkdtempSync(join(tmpdir(), 'token-acquirer-control-plane-'));
  scope.add(() => rmSync(root, { recursive: true, force: true }));
  const said: string[] = [];
  const start = (name: 'etcd' | 'kube-apiserver', args: readonly string[]): void => {
    // By its name the program knows which part of Kubernetes it is.
    symlinkSync(program, join(root, name));
    const child = guardedSpawn({ label: name, command: join(root, name), args, cwd: root });
    child.stdout.resume();
    child.stderr.on('data', (chunk: Buffer) => {
      said.push(chunk.toString());
      if (said.length > MOST_SAID) said.shift();
    });
    scope.add(() => endGroup(child));
  };
  const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
  start('etcd', etcdArguments(root, client, peer));
  const token = randomBytes(16).toString('hex');
  start('kube-apiserver', apiServerArguments(root, token, { client, secure }));
  const server = `https://127.0.0.1:${secure}`;
  const authority = await readCertificate(join(root, 'certificates', 'apiserver.crt'));
  const agent = new Agent({ connect: { ca: authority }, connections: CONNECTIONS });
  scope.add(() => agent.destroy());
  const plane = { server, authority, token };
  const send = senderOf(agent, plane);
  await ready(send, said);
  const kubeconfig = join(root, 'kubeconfig');
  writeKubeconfig(kubeconfig, { server, authority, token, container: '' });
  return { ...plane, kubeconfig, send, requests: async () => countsIn(await send('GET', '/metrics')) };
}

function etcdArguments(root: string, client: number, peer: number): string[] {
  const at = (port: number): string => `http://127.0.0.1:${port}`;
  return [
    `--data-dir=${join(root, 'data')}`,
    // On a disk of a busy machine, the time of a write would be that of the disk.
    '--unsafe-no-fsync',
    `--listen-client-urls=${at(client)}`,
    `--advertise-client-urls=${at(client)}`,
    `--listen-peer-urls=${at(peer)}`,
    `--initial-advertise-peer-urls=${at(peer)}`,
    `--initial-cluster=default=${at(peer)}`,
  ];
}

function apiServerArguments(root: string, token: string, ports: { client: number; secure: number }): string[] {
  const [key, users] = [join(root, 'service-accounts.key'), join(root, 'users.csv')];
  execFileSync('openssl', ['genrsa', '-out', key, '2048'], { stdio: 'ignore' });
  writeFileSync(users, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
  return [
    `--etcd-servers=http://127.0.0.1:${ports.client}`,
    `--cert-dir=${join(root, 'certificates')}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${ports.secure}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    `--token-auth-file=${users}`,
    '--authorization-mode=RBAC',
    // Nobody needs the Service of the API server, which may not lead to loopback.
    '--endpoint-reconciler-type=none',
  ];
}

async function readCertificate(file: string): Promise<string> {
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      const text = readFileSync(file, 'utf8');
      if (text.includes('-----END CERTIFICATE-----')) return text;
    } catch {
      // The API server has not made it yet.
    }
    if (performance.now() > until) throw new Error('The API server made no certificate.');
    await pause(50);
  }
}

function senderOf(agent: Agent, { server, token }: { server: string; token: string }): ControlPlane['send'] {
  return async (method, path, body) => {
    const answer = await agent.request({
      origin: server,
      path,
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} was answered with ${answer.statusCode}.`);
    return text;
  };
}

async function ready(send: ControlPlane['send'], said: readonly string[]): Promise<void> {
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      await send('GET', '/readyz');
      return;
    } catch (error) {
      if (performance.now() > until) {
        throw new Error(`The API server did not become ready: ${said.join('')}`, { cause: error });
      }
    }
    await pause(200);
  }
}

/** Of the API server's own metrics, which cost less than an audit log. */
function countsIn(metrics: string): RequestCounts {
  const counts: Record<string, number> = {};
  for (const [, labels = '', value = ''] of metrics.matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)) {
    if (!labels.includes('resource="secrets"')) continue;
    const verb = /verb="(\w+)"/.exec(labels)?.[1] ?? '';
    counts[verb] = (counts[verb] ?? 0) + Number(value);
  }
  return counts;
}
