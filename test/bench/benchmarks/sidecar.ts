import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Token } from '../../../src/core/token.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { AtomicWriter } from '../../support/atomic-writer.ts';
import { freshToken } from '../../support/client-side.ts';
import type { Benchmark, Context, Row, Scope } from '../benchmark.ts';
import { startPart } from '../parts/parts.ts';
import { volumeRoot } from '../parts/place.ts';
import { type ProxiedPlace, type Proxy, startBareEnvoy, startNginx, startOurSidecar } from '../parts/proxies.ts';
import { bytes, milliseconds, nanoseconds, number } from '../report/numbers.ts';
import { median, quantile } from '../statistics.ts';
import { processorTime } from './memory.ts';

const CONNECTIONS = 16;
const ROUNDS = 5;
/** In each round, for the processor time. */
const REQUESTS = 6000;
/** In each round, one after the other, for the delay. */
const SINGLE_REQUESTS = 400;
const SWAPS = 100;
/** In milliseconds. For half a minute after a new token the sidecar keeps more about each request. */
const SETTLING = 32_000;
const SHORT_REST = 8;
/** Nanoseconds of processor time for a request. */
const PROCESSOR_GOAL = 45_000;
const MEMORY_GOAL = 20e6;

type Name = 'direct' | 'sidecar' | 'nginx' | 'bare';

export const sidecar: Benchmark = {
  name: 'sidecar',
  title: 'The Envoy sidecar on the way of each request',
  method: [
    `Requests of ${CONNECTIONS} connections with answers of 1 kB, ${number(ROUNDS * REQUESTS)} through each proxy, in turns; processor time and memory of its one process, from half a minute after the first token on. Delays: medians of ${ROUNDS} rounds of ${SINGLE_REQUESTS} single requests, less those without a proxy. ${SWAPS} swaps of the volume.`,
    "Compared with: Debian's nginx, whose njs reads the token file for each request; Envoy with a route and no filters; the goals.",
  ],
  async run(context) {
    const { scope, tell } = context;
    const { volume, place } = await openVolume(scope);
    const proxies: Record<Exclude<Name, 'direct'>, Proxy> = {
      sidecar: await startOurSidecar(scope, place),
      nginx: await startNginx(scope, place),
      bare: await startBareEnvoy(scope, place),
    };
    const measured = await takeTurns(context, { direct: { pid: process.pid, url: place.service }, ...proxies });
    tell(`${SWAPS} swaps`);
    const swapped = await swapTurns(volume, { ours: proxies.sidecar, theirs: proxies.nginx });
    return [...costRows(measured), ...memoryRows(proxies), ...delayRows(measured), ...swapRows(swapped)];
  },
};

interface Volume {
  write(token: Token): void;
}

async function openVolume(scope: Scope): Promise<{ volume: Volume; place: ProxiedPlace }> {
  const tokenDirectory = mkdtempSync(join(volumeRoot(), 'token-acquirer-bench-'));
  scope.add(() => rmSync(tokenDirectory, { recursive: true, force: true }));
  const writer = new AtomicWriter(tokenDirectory);
  const volume = { write: (token: Token): void => writer.write(toVolumeData('dynamics', token)) };
  volume.write(freshToken());
  const { ready } = await startPart<{ url: string }>(scope, 'kilobyte', {});
  return { volume, place: { service: ready.url, tokenDirectory } };
}

/** What is known of one way to the service. */
interface Measured {
  /** Nanoseconds of processor time for a request. */
  readonly processor: number;
  /** Milliseconds, of each round. */
  readonly p50: readonly number[];
  readonly p99: readonly number[];
}

async function takeTurns({ tell }: Context, ways: Record<Name, Proxy>): Promise<Record<Name, Measured>> {
  const results = { direct: empty(), sidecar: empty(), nginx: empty(), bare: empty() };
  const names = Object.keys(results) as Name[];
  for (const name of names) await load(ways[name], REQUESTS / 10);
  tell(`the token settles: ${SETTLING / 1000} s`);
  await pause(SETTLING);
  for (let round = 1; round <= ROUNDS; round += 1) {
    tell(`round ${round} of ${ROUNDS}: ${names.join(', ')}`);
    for (const name of names) {
      const way = ways[name];
      results[name].processor += await load(way, REQUESTS);
      const delays = await singleDelays(way);
      results[name].p50.push(quantile(delays, 0.5));
      results[name].p99.push(quantile(delays, 0.99));
    }
  }
  for (const name of names) results[name].processor *= 1e6 / (ROUNDS * REQUESTS);
  return results;
}

function empty(): { processor: number; p50: number[]; p99: number[] } {
  return { processor: 0, p50: [], p99: [] };
}

/** Milliseconds of processor time that the proxy used for so many requests of all connections. */
async function load({ pid, url }: Proxy, requests: number): Promise<number> {
  const { origin, pathname } = new URL(`${url}/`);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const before = processorTime(pid);
  let left = requests;
  const call = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { statusCode, body } = await pool.request({ path: pathname, method: 'GET' });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}.`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, call));
  await pool.close();
  return processorTime(pid) - before;
}

async function singleDelays({ url }: Proxy): Promise<readonly number[]> {
  const { origin, pathname } = new URL(`${url}/`);
  const pool = new Pool(origin, { connections: 1 });
  const delays: number[] = [];
  for (let request = 0; request < SINGLE_REQUESTS; request += 1) {
    const began = performance.now();
    const { body } = await pool.request({ path: pathname, method: 'GET' });
    await body.dump();
    delays.push(performance.now() - began);
  }
  await pool.close();
  return delays;
}

function costRows({ sidecar: ours, nginx, bare }: Record<Name, Measured>): Row[] {
  const cost = nanoseconds(ours.processor);
  const limit = nanoseconds(PROCESSOR_GOAL);
  const goalRatio = ours.processor / PROCESSOR_GOAL;
  return [
    {
      name: 'processor time for a request',
      ours: cost,
      reference: `${limit} (goal)`,
      ratio: goalRatio,
      goal: { text: `≤ ${limit}`, ratio: 1, met: goalRatio <= 1 },
    },
    {
      name: 'processor time for a request, nginx',
      ours: cost,
      reference: nanoseconds(nginx.processor),
      ratio: ours.processor / nginx.processor,
      against: 'peer',
    },
    {
      name: 'processor time for a request, no filters',
      ours: cost,
      reference: nanoseconds(bare.processor),
      ratio: ours.processor / bare.processor,
      against: 'floor',
    },
  ];
}

function memoryRows({ sidecar: ours, nginx, bare }: Record<Exclude<Name, 'direct'>, Proxy>): Row[] {
  const [used, theirs, least] = [memoryOf(ours), memoryOf(nginx), memoryOf(bare)];
  const ratio = used.anonymous / MEMORY_GOAL;
  return [
    {
      name: 'anonymous memory',
      ours: bytes(used.anonymous),
      reference: `${bytes(MEMORY_GOAL)} (goal)`,
      ratio,
      goal: { text: `≤ ${bytes(MEMORY_GOAL)}`, ratio: 1, met: ratio <= 1 },
    },
    {
      name: 'anonymous memory, no filters',
      ours: bytes(used.anonymous),
      reference: bytes(least.anonymous),
      ratio: used.anonymous / least.anonymous,
    },
    {
      name: 'resident memory (RSS), nginx',
      ours: bytes(used.resident),
      reference: bytes(theirs.resident),
      ratio: used.resident / theirs.resident,
    },
  ];
}

function memoryOf({ pid }: Proxy): { anonymous: number; resident: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (pattern: RegExp): number => Number(pattern.exec(status)?.[1]) * 1024;
  return { anonymous: kilobytes(/^RssAnon:\s+(\d+)/m), resident: kilobytes(/^VmRSS:\s+(\d+)/m) };
}

function delayRows({ direct, sidecar: ours, nginx }: Record<Name, Measured>): Row[] {
  return (['p50', 'p99'] as const).map((which) => {
    const added = (way: Measured): number =>
      median(way[which].map((delay, round) => delay - (direct[which][round] ?? 0)));
    return {
      name: `added at ${which}, nginx`,
      ours: milliseconds(added(ours)),
      reference: milliseconds(added(nginx)),
      ratio: added(ours) / added(nginx),
    };
  });
}

interface Swapped {
  readonly ours: number[];
  readonly theirs: number[];
}

/** Milliseconds from each swap to the first answer of the service to a request with the new token. */
async function swapTurns(volume: Volume, { ours, theirs }: Record<keyof Swapped, Proxy>): Promise<Swapped> {
  const delays: Swapped = { ours: [], theirs: [] };
  for (let swap = 0; swap < SWAPS; swap += 1) {
    delays.ours.push(await delayOf(volume, ours));
    delays.theirs.push(await delayOf(volume, theirs));
  }
  return delays;
}

const SWAP_PATIENCE = 5000;

async function delayOf(volume: Volume, { url }: Proxy): Promise<number> {
  const { origin, pathname } = new URL(`${url}/`);
  const pool = new Pool(origin, { connections: 1 });
  await pause(Math.random() * SHORT_REST);
  const token = freshToken();
  const end = token.accessToken.reveal().slice(-8);
  const began = performance.now();
  volume.write(token);
  for (;;) {
    const { headers, body } = await pool.request({ path: pathname, method: 'GET' });
    await body.dump();
    const delay = performance.now() - began;
    if (headers['x-token'] === end) {
      await pool.close();
      return delay;
    }
    if (delay > SWAP_PATIENCE) throw new Error(`${url} did not use the new token in ${SWAP_PATIENCE / 1000} s.`);
  }
}

function swapRows({ ours, theirs }: Swapped): Row[] {
  return [0.5, 0.99].map((share) => {
    const [delay, floor] = [quantile(ours, share), quantile(theirs, share)];
    return {
      name: `swap → in use, p${share * 100}, nginx`,
      ours: milliseconds(delay),
      reference: milliseconds(floor),
      ratio: delay / floor,
    };
  });
}
