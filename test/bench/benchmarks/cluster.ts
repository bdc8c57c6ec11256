import { setTimeout as pause } from 'node:timers/promises';
import type { Benchmark, Context, Row } from '../benchmark.ts';
import type { ClusterPlace } from './cluster-place.ts';
import { clusterRecovery, REVOCATIONS } from './cluster-recovery.ts';
import { changesIn, countBetween, kindsOf, requestRow } from './cluster-requests.ts';
import { imageRows, memoryRows } from './cluster-size.ts';
import { lagsOf, nudgedRows, plainRows, sightings } from './cluster-volume.ts';

/** Longer than a volume lags behind, so that clients ask for no token. */
const LONG = '600s';
/** Renewals come a second apart, which is the least. */
const OFTEN = '1s';
/** So short that the times of renewals, which vary by a share of it, hardly do. */
const SHORT = '10s';
/** Leaves time for a revocation between two renewals. */
const SELDOM = '2200ms';
const COUNTED = 20;
const NUDGED = 50;
/** The longest between two renewals. */
const APART = 1050;
const IDLE = 60_000;

export const clusterBenchmark: Benchmark = {
  name: 'cluster',
  title: 'In a cluster',
  method: [
    `The example of manifests/example on the project's own one-node cluster. A revocation: took_ms in the client app's log of the call that was cured, ${REVOCATIONS} of them, with the nudge on; the floor, in turns with it from the same container, is the same two calls by hand with one token request in between. From the API server's receipt of the write of the Secret to the pod's file, looked at every 5 ms, over ${NUDGED} renewals a second apart; without the nudge, one change each of three pods' Secrets, compared with the kubelet's 90 s.`,
    `API requests are those of the token-acquirer's ServiceAccount in the audit log between the first and the last of the changes (at least ${COUNTED}), without watches. In addition, each Secret is read every 30 s while nothing changes: the idle row. Images: docker save, through gzip. Memory: RssAnon compared with what the manifest requests, after ${IDLE / 1000} s with one token that lives for ten minutes and five calls a second.`,
  ],
  async run(context) {
    const { tell } = context;
    // Only now, so that what it loads does not slow down the benchmarks of this process.
    const { openClusterPlace } = await import('./cluster-place.ts');
    const place = await openClusterPlace(context);
    tell('sizes of the images');
    const images = await imageRows();
    await place.use({ lifetime: LONG, nudge: false });
    const plain = plainRows(place, context);
    // Awaited below: it lasts as long as the others together.
    plain.catch(() => {});
    const quiet = await idle(place, context);
    const requests = await requestsWithoutNudge(place, context);
    const nudged = await withNudge(place, context);
    tell(`${REVOCATIONS} revocations`);
    await place.use({ lifetime: SHORT, interval: SELDOM, nudge: true });
    const recovery = await clusterRecovery(place);
    return [...recovery, ...nudged.lags, ...(await plain), requests, nudged.requests, ...images, ...quiet];
  },
};

async function requestsWithoutNudge(place: ClusterPlace, { tell }: Context): Promise<Row> {
  tell(`${COUNTED} changes without the nudge`);
  await place.use({ lifetime: LONG, interval: OFTEN, nudge: false });
  const from = new Date();
  await pause((COUNTED + 3) * APART);
  const changes = changesIn(await place.example.acquirerLog(from));
  const counted = countBetween(changes, await place.requests(from));
  tell(`requests: ${kindsOf(counted.requests)}`);
  return requestRow('API requests for a change', counted, 1);
}

async function withNudge(place: ClusterPlace, { tell }: Context): Promise<{ lags: Row[]; requests: Row }> {
  tell(`${NUDGED} changes with the nudge`);
  await place.use({ lifetime: LONG, interval: OFTEN, nudge: true });
  // Until the policy was tried.
  await pause(3000);
  const from = new Date();
  const seen = await sightings(place, (NUDGED + 3) * APART);
  const changes = changesIn(await place.example.acquirerLog(from));
  const requests = await place.requests(from);
  const lags = lagsOf(seen, changes, requests);
  const counted = countBetween(changes, requests);
  tell(`${lags.length} changes seen; requests: ${kindsOf(counted.requests)}`);
  if (lags.length < NUDGED) throw new Error(`Of ${changes.length} changes the pod saw ${lags.length}.`);
  return { lags: nudgedRows(lags), requests: requestRow('API requests for a change, one pod nudged', counted, 2) };
}

/** Looking at the Secret again: one request in 30 s. */
async function idle(place: ClusterPlace, { tell }: Context): Promise<Row[]> {
  tell(`idle for ${IDLE / 1000} s`);
  await pause(3000);
  const from = new Date();
  await pause(IDLE);
  const requests = await place.requests(from);
  tell(`requests: ${kindsOf(requests)}`);
  const row: Row = {
    name: 'API requests in an idle minute',
    ours: String(requests.length),
    reference: '2 (one in 30 s)',
    ratio: requests.length / 2,
  };
  return [row, ...(await memoryRows(place))];
}
