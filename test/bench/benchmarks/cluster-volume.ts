import { setTimeout as pause } from 'node:timers/promises';
import type { AuditedRequest } from '../../cluster/node.ts';
import type { Context, Row } from '../benchmark.ts';
import { milliseconds, number } from '../report/numbers.ts';
import { quantile } from '../statistics.ts';
import type { ClusterPlace } from './cluster-place.ts';

const A_SECOND = 1000;
/** What Kubernetes allows itself: the kubelet's period and its cache's. */
const KUBELET = 90_000;
const PODS = 3;
const PATIENCE = 120_000;
const NAMES = Array.from({ length: PODS }, (_, index) => `reader-${index}`);

/** Looks at a file of a volume every 5 ms, for so long, and records when each generation came. */
const WATCH_FILE = `
import { readFileSync } from 'node:fs';
const { duration } = JSON.parse(readFileSync(0, 'utf8'));
const seen = [];
const look = () => {
  const { generation } = JSON.parse(readFileSync('/var/run/tokens/dynamics.json', 'utf8'));
  if (generation !== seen.at(-1)?.generation) seen.push({ generation, at: Date.now() });
};
const timer = setInterval(look, 5);
setTimeout(() => { clearInterval(timer); console.log(JSON.stringify(seen)); }, duration);
`;

const READER = `const fs = require('node:fs');
let last;
setInterval(() => {
  const text = fs.readFileSync('/tokens/value', 'utf8');
  if (text !== last) console.log(JSON.stringify({ at: Date.now(), text }));
  last = text;
}, 20);
process.on('SIGTERM', () => process.exit(0));`;

interface Sighting {
  readonly generation: number;
  /** Milliseconds since the Unix epoch; pods, node and this process have one clock. */
  readonly at: number;
}

/** Which generations the client's pod saw, and when, over so many milliseconds. */
export async function sightings({ example }: ClusterPlace, duration: number): Promise<Sighting[]> {
  return JSON.parse(await example.inClient(WATCH_FILE, JSON.stringify({ duration }))) as Sighting[];
}

/**
 * How long after the API server had the write each generation was in the pod's file. `stored`: when the token-acquirer
 * knew it was stored, which is after the request for it that is nearest before.
 */
export function lagsOf(
  seen: readonly Sighting[],
  stored: readonly Sighting[],
  requests: readonly AuditedRequest[],
): number[] {
  const writes = requests
    .filter(({ verb, objectRef }) => verb === 'patch' && objectRef?.resource === 'secrets')
    .map(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp));
  const first = seen[0]?.generation ?? Number.POSITIVE_INFINITY;
  return stored.flatMap(({ generation, at }) => {
    const written = writes.filter((time) => time <= at).at(-1);
    const found = seen.find((one) => one.generation >= generation);
    return generation <= first || written === undefined || found === undefined ? [] : [found.at - written];
  });
}

export function nudgedRows(lags: readonly number[]): Row[] {
  return [0.5, 0.99].map((share) => {
    const lag = quantile(lags, share);
    const name = `Secret → file, nudged, p${share * 100}`;
    const goal = { text: '≤ 1 s', ratio: 1, met: lag <= A_SECOND };
    const cells = {
      name,
      ours: milliseconds(lag),
      reference: `${milliseconds(A_SECOND)} (goal)`,
      ratio: lag / A_SECOND,
    };
    return share === 0.99 ? { ...cells, goal } : cells;
  });
}

/** Pods that mount a Secret each, which is patched once: as long as the kubelet takes by itself. Begins immediately. */
export async function plainRows(place: ClusterPlace, { tell }: Context): Promise<Row[]> {
  const { cluster } = place;
  const namespace = await cluster.namespace('bench');
  const inNamespace = `--namespace=${namespace.name}`;
  const objects = NAMES.flatMap((name) => [
    secretOf(name, 'first'),
    podOf(name, place.image('example-services:0.1.0')),
  ]);
  await cluster.kubectl(['apply', inNamespace, '--filename=-'], objects.map((one) => JSON.stringify(one)).join('\n'));
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod', '--all', inNamespace, '--timeout=60s']);
  // Not all at the moment of the pod's start, after which the kubelet looks again regularly.
  const lags = await Promise.all(
    NAMES.map(async (name, index) => {
      await pause(index * 7000);
      const written = Date.now();
      await cluster.kubectl(['apply', inNamespace, '--filename=-'], JSON.stringify(secretOf(name, 'second')));
      return (await seenIn(place, name, inNamespace)) - written;
    }),
  );
  tell(`without the nudge: ${lags.map((lag) => `${number(lag / 1000)} s`).join(', ')}`);
  await namespace.remove();
  const [half, most] = [quantile(lags, 0.5), quantile(lags, 1)];
  return [['the middle', half] as const, ['the longest', most] as const].map(([which, lag]) => ({
    name: `Secret → file, not nudged, ${which} of ${PODS}`,
    ours: `${number(lag / 1000)} s`,
    reference: `${number(KUBELET / 1000)} s (the kubelet's)`,
    ratio: lag / KUBELET,
  }));
}

async function seenIn({ cluster }: ClusterPlace, pod: string, inNamespace: string): Promise<number> {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    const lines = (await cluster.kubectl(['logs', pod, inNamespace])).split('\n').filter((line) => line !== '');
    const seen = lines.map((line) => JSON.parse(line) as { at: number; text: string });
    const found = seen.find(({ text }) => text === 'second');
    if (found !== undefined) return found.at;
    await pause(5000);
  }
  throw new Error(`The pod ${pod} did not see its Secret's new value within ${PATIENCE / 1000} s.`);
}

function secretOf(name: string, value: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { value } };
}

function podOf(name: string, image: string): object {
  const container = {
    name: 'reader',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/usr/local/bin/node', '--eval', READER],
    volumeMounts: [{ name: 'tokens', mountPath: '/tokens' }],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [container],
      volumes: [{ name: 'tokens', secret: { secretName: name } }],
    },
  };
}
