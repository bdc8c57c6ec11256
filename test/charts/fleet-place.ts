import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { TestCluster } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { type LogLine, logLines } from '../cluster/example/log-lines.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';

const PROBER = 'prober';
const PROBE_EVERY = 50;

/** Calls the endpoint again and again, each time over its own connection, and records the time of each answer. */
const PROBES = `
const { request } = require('node:https');
process.on('SIGTERM', () => process.exit());
const agent = false;
const options = { host: process.env.HOST, port: 8443, path: '/v1/probe', agent, rejectUnauthorized: false, timeout: 1000 };
setInterval(() => {
  const call = request(options, (answer) => {
    answer.resume();
    console.log(JSON.stringify({ event: 'answered', time: new Date().toISOString(), status: answer.statusCode }));
  });
  call.on('timeout', () => call.destroy());
  call.on('error', () => {});
  call.end();
}, ${PROBE_EVERY});`;

/** Many teams, each with a namespace, a file of values and its own credential. */
export interface FleetPlace {
  readonly place: ChainPlace;
  /** One for each team. */
  readonly namespaces: readonly string[];
  /** `--values=…` of the platform team's file, then of the first teams'. */
  values(teams: number): readonly string[];
  /** What makes the Secret of all credentials, or adds to it: those of the teams from the first to the last one, counted from 0. */
  credentials(first: number, last: number): Readonly<Record<string, string>>;
  /** When the endpoint answered, in milliseconds since the Unix epoch, the earliest first. */
  answers(): Promise<readonly number[]>;
  remove(): Promise<void>;
}

export const CREDENTIALS = 'credentials-of-all';

/** Resolves when the services, the namespaces and the prober exist, and nothing of the token-acquirer does. */
export async function makeFleetPlace(cluster: TestCluster, teams: number): Promise<FleetPlace> {
  const place = await makePlace(cluster);
  const prefix = place.client.replace(/^chain-client/, 'team');
  const namespaces = Array.from({ length: teams }, (_, team) => `${prefix}-${String(team + 1).padStart(4, '0')}`);
  const [first = ''] = namespaces;
  await apply(
    cluster,
    namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  );
  await cluster.kubectl(['wait', '--for=create', 'serviceaccount/default', `--namespace=${first}`, '--timeout=60s']);
  const image = (await loadImages(cluster))('image: example-services:0.1.0').replace('image: ', '');
  await apply(cluster, [proberIn(first, image, place.acquirer)]);
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  const files = [writeFile(folder, 'platform', platformValues(place))];
  for (const namespace of namespaces) files.push(writeFile(folder, namespace, teamValues(namespace)));
  const given = ['get', 'secret', 'dynamics-credentials', `--namespace=${place.acquirer}`, '--output=json'];
  const { data } = JSON.parse(await cluster.kubectl(given)) as { data: Readonly<Record<string, string>> };
  return {
    place,
    namespaces,
    values: (count) => files.slice(0, count + 1).map((file) => `--values=${file}`),
    credentials: (from, to) =>
      Object.fromEntries(
        namespaces
          .slice(from, to + 1)
          .flatMap((name) => Object.entries(data).map(([key, value]) => [`${name}.${key}`, value])),
      ),
    answers: () => answersIn(cluster, first),
    async remove() {
      rmSync(folder, { recursive: true });
      const all = ['delete', 'namespace', '--wait=false', '--ignore-not-found', ...namespaces];
      await Promise.all([place.remove(), cluster.kubectl(all)]);
    },
  };
}

async function apply(cluster: TestCluster, items: readonly object[]): Promise<void> {
  await cluster.kubectl(['create', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

async function answersIn(cluster: TestCluster, namespace: string): Promise<readonly number[]> {
  const log = logLines(await cluster.kubectl(['logs', PROBER, `--namespace=${namespace}`, '--tail=-1']));
  return log.map(({ time }: LogLine) => Date.parse(time)).toSorted((one, other) => one - other);
}

function writeFile(folder: string, name: string, values: object): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, stringify(values));
  return file;
}

/** What all teams have in common. */
function platformValues({ values }: ChainPlace): object {
  const { image, config, certificateAuthorities } = values as Readonly<Record<string, object>>;
  return { image, certificateAuthorities, credentialsSecret: CREDENTIALS, config: { ...config, tokens: {} } };
}

/** All that a team writes. */
function teamValues(namespace: string): object {
  const token = {
    authorizationServer: 'corporate',
    credential: namespace,
    grant: 'client_credentials',
    clients: [{ namespace, serviceAccount: 'app' }],
  };
  return { config: { tokens: { [`${namespace}/tokens/dynamics`]: token } } };
}

function proberIn(namespace: string, image: string, acquirer: string): object {
  const container = {
    name: PROBER,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/usr/local/bin/node', '-e', PROBES],
    env: [{ name: 'HOST', value: `token-acquirer.${acquirer}.svc` }],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: PROBER, namespace },
    spec: { automountServiceAccountToken: false, terminationGracePeriodSeconds: 1, containers: [container] },
  };
}
