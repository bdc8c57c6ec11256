import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createCertificates } from '../../../src/demo/cluster/certificates.ts';
import type { Scope } from '../../bench/benchmark.ts';
import { startPartFile } from '../../bench/parts/parts.ts';
import { CHART } from '../../charts/chart.ts';
import { type HelmBinary, helm, helmBinaries } from '../../charts/helm.ts';
import { openCluster, type TestCluster } from '../../cluster/cluster.ts';
import { loadImages } from '../../cluster/example/images.ts';
import { guard } from '../../cluster/guard.ts';
import type { ClusterNode } from '../../cluster/node.ts';
import { startCluster } from '../../cluster/start.ts';
import type { ServerAsk, ServerInstructions, ServerReady } from '../parts/server-messages.ts';
import { type App, makeApps, registeredClient } from '../place.ts';
import { CLIENT, clientManifest } from './client-manifest.ts';

export const RELEASE = 'token-acquirer';
/** Of the release. */
export const HOME = 'soak-home';
const TEAM = 'soak-team';
const ACCOUNT = 'soak-app';
const CREDENTIALS = 'soak-credentials';
const CA = 'soak-ca';
const SERVER = 'authorization-server';
const GATEWAY = 'gateway';
/** Tokens of one Secret. */
const A_SECRET = 5;
const GRACE = 120;

export interface ClusterTownOptions {
  readonly tokens: number;
  /** Of a token, in seconds. */
  readonly lifetime: number;
  /** When a token is renewed, as the configuration has it. */
  readonly renewAt: string;
  readonly rate: number;
  readonly replicas: number;
  readonly tell: (line: string) => void;
}

/** A release of the chart in a node of this run, and a client that calls. */
export interface ClusterTown {
  readonly cluster: TestCluster;
  readonly node: ClusterNode;
  readonly apps: readonly App[];
  askServer<Answer>(ask: ServerAsk): Promise<Answer>;
  /** Changes the release: `upgrade` with these settings, or `rollback`. */
  release(verb: 'upgrade' | 'rollback', ...settings: readonly string[]): Promise<void>;
  /** What the client has printed for some seconds. */
  clientLog(seconds: number): Promise<string>;
}

/** Starts everything, which goes with the scope. Throws NotAvailable. */
export async function openClusterTown(scope: Scope, options: ClusterTownOptions): Promise<ClusterTown> {
  const { tell } = options;
  const { cluster, node } = await startNode(scope, tell);
  const [binary] = (await helmBinaries()).toReversed();
  const images = await loadImages(cluster);
  const image = (tag: string): string => images(`image: ${tag}`).replace('image: ', '');
  const apps = makeApps(0, options.tokens).map((app): App => {
    return app.grant === 'password' ? { ...app, grant: 'client_credentials' } : app;
  });
  const host = await addressOfThisMachine(node);
  const { ca, servers } = await createCertificates([`${SERVER}.${HOME}.svc`], Date.now());
  const tls = servers.get(`${SERVER}.${HOME}.svc`);
  if (tls === undefined) throw new Error('The authorization server has no certificate.');
  const instructions: ServerInstructions = {
    clients: apps.map(registeredClient),
    users: [],
    lifetime: options.lifetime,
    grace: GRACE,
    outside: { host, tls },
  };
  const part = join(import.meta.dirname, '../parts/authorization-server-main.ts');
  const server = await startPartFile<ServerReady>(scope, part, instructions);
  const askServer = <Answer>(ask: ServerAsk): Promise<Answer> => server.ask<Answer>(ask);
  const apply = (items: readonly object[]): Promise<string> =>
    cluster.kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const credentials = await credentialsOf(apps, askServer);
  await apply([
    ...[HOME, TEAM].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace: TEAM } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: CA, namespace: HOME }, data: { 'ca.crt': ca } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: CREDENTIALS, namespace: HOME }, stringData: credentials },
    ...serviceOutside(SERVER, 443, server.ready.tokenEndpoint),
    ...serviceOutside(GATEWAY, 80, server.ready.gateway),
  ]);
  const values = stringify(valuesOf(apps, options, image('token-acquirer:0.1.0')));
  const run = (binaryOf: HelmBinary | undefined, args: readonly string[]): Promise<string> => {
    if (binaryOf === undefined) throw new Error('helm is missing.');
    return helm(binaryOf, [...args, `--namespace=${HOME}`], { kubeconfig: cluster.kubeconfig, input: values });
  };
  tell('Installing the release.');
  await run(binary, ['install', RELEASE, CHART, '--values=-']);
  await rolledOut(cluster);
  const tokens = apps.map(({ name }, index) => ({ secret: secretOf(index), name }));
  await apply(
    await clientManifest({
      namespace: TEAM,
      serviceAccount: ACCOUNT,
      image: image('client-app:0.1.0'),
      audience: `${RELEASE}.${HOME}`,
      url: `https://${RELEASE}.${HOME}.svc:8443`,
      gateway: `http://${GATEWAY}.${HOME}.svc`,
      rate: options.rate,
      tokens,
    }),
  );
  await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${CLIENT}`, `--namespace=${TEAM}`, '--timeout=180s']);
  return {
    cluster,
    node,
    apps,
    askServer,
    async release(verb, ...settings) {
      await run(binary, verb === 'upgrade' ? [verb, RELEASE, CHART, '--values=-', ...settings] : [verb, RELEASE]);
      await rolledOut(cluster);
    },
    clientLog: (seconds) => cluster.kubectl(['logs', CLIENT, `--namespace=${TEAM}`, `--since=${seconds}s`]),
  };
}

async function startNode(
  scope: Scope,
  tell: (line: string) => void,
): Promise<{ cluster: TestCluster; node: ClusterNode }> {
  const name = `token-acquirer-soak-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-soak-cluster-'));
  const guarded = guard(name, folder);
  scope.add(() => guarded.end());
  const cluster = await openCluster(await startCluster({ name, folder, tell }));
  if (cluster.node === undefined) throw new Error('Only the project’s own node takes instructions.');
  return { cluster, node: cluster.node };
}

/** As the pods of the node reach it. */
async function addressOfThisMachine(node: ClusterNode): Promise<string> {
  const route = await node.exec(['ip', 'route', 'show', 'default']);
  const address = /default via (\S+)/.exec(route)?.[1];
  if (address === undefined) throw new Error('The node has no default route.');
  return address;
}

async function rolledOut(cluster: TestCluster): Promise<void> {
  await cluster.kubectl(['rollout', 'status', `deployment/${RELEASE}`, `--namespace=${HOME}`, '--timeout=180s']);
}

function secretOf(index: number): string {
  return `soak-tokens-${Math.floor(index / A_SECRET)}`;
}

async function credentialsOf(
  apps: readonly App[],
  askServer: (ask: ServerAsk) => Promise<string>,
): Promise<Record<string, string>> {
  const data: Record<string, string> = {};
  for (const { name, grant, clientSecret } of apps) {
    data[`${name}.client_id`] = name;
    data[`${name}.client_secret`] = clientSecret;
    if (grant !== 'refresh_token') continue;
    data[`${name}.refresh_token`] = await askServer({ what: 'refresh-token', client: name, username: name });
  }
  return data;
}

/** A Service for something that listens on this machine. */
function serviceOutside(name: string, port: number, url: string): object[] {
  const { hostname, port: targetPort } = new URL(url);
  const ports = [{ name, port: Number(targetPort) }];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: HOME },
      spec: { ports: [{ name, port, targetPort: Number(targetPort) }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, namespace: HOME, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports,
      endpoints: [{ addresses: [hostname], conditions: { ready: true } }],
    },
  ];
}

function valuesOf(apps: readonly App[], options: ClusterTownOptions, image: string): object {
  const [, repository, tag] = /^(.+):([^:]+)$/.exec(image) ?? [];
  return {
    image: { repository, tag },
    replicas: options.replicas,
    credentialsSecret: CREDENTIALS,
    certificateAuthorities: { corporate: { configMap: CA } },
    config: {
      authorizationServers: {
        corporate: { tokenEndpoint: `https://${SERVER}.${HOME}.svc/token`, refreshTokenReuse: `${GRACE}s` },
      },
      tokens: apps.map(({ name, grant }, index) => ({
        name,
        authorizationServer: 'corporate',
        credential: name,
        grant,
        renewal: { at: options.renewAt },
        secret: { namespace: TEAM, name: secretOf(index), readers: 'library' },
        clients: [{ namespace: TEAM, serviceAccount: ACCOUNT }],
      })),
    },
  };
}
