import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark, Row, Scope } from '../benchmark.ts';
import { type Part, startPart } from '../parts/parts.ts';
import { volumeRoot } from '../parts/place.ts';
import type { ReaderInstructions, ReaderReady, SwapOrder, SwapReport } from '../parts/volume-reader-main.ts';
import { milliseconds, number } from '../report/numbers.ts';
import { quantile } from '../statistics.ts';

const SWAPS = 1000;
const GOALS = { p50: 3, p99: 10 };
/** Where a watch cannot be had, each swap takes up to a second to be seen: so many volumes in parallel. */
const POLLED_VOLUMES = 100;
const POLL = 1000;
const SHORT_REST = 8;

/** Starts a program in a user namespace that may have no inotify instance, which concerns nobody else on the machine. */
const WITHOUT_INOTIFY = [
  'unshare',
  '--user',
  '--map-root-user',
  'sh',
  '-c',
  'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"',
  'sh',
];

export const swaps: Benchmark = {
  name: 'swaps',
  title: 'From the swap of a mounted volume to the new token in use',
  method: [
    `${number(SWAPS)} swaps as the kubelet makes them, by another thread, each timed from its first file operation; then ${number(SWAPS)} where fs.watch fails, over ${POLLED_VOLUMES} volumes together.`,
    `fs.watch is made to fail by a user namespace without inotify instances (EMFILE), or, where there can be none, in its place. Compared with: the goal, or the client's polling interval.`,
  ],
  async run({ scope, tell }) {
    const root = mkdtempSync(join(volumeRoot(), 'token-acquirer-bench-'));
    scope.add(() => rmSync(root, { recursive: true, force: true }));
    tell(`${number(SWAPS)} swaps with inotify`);
    const watched = await startReader(scope, { root, refuseWatches: false });
    if (watched.ready.watch !== 'works') throw new Error(`fs.watch fails here (${watched.ready.watch}).`);
    const seen = await swap(watched, { volumes: 1, swaps: SWAPS, rest: SHORT_REST });
    const { reader, how } = await startWithoutWatches(scope, root);
    tell(`${number(SWAPS)} swaps without: ${how}`);
    const polled = await swap(reader, { volumes: POLLED_VOLUMES, swaps: SWAPS / POLLED_VOLUMES, rest: POLL });
    return [...rowsOf('inotify', seen, GOALS, 'goal'), ...rowsOf(how, polled, { p50: POLL, p99: POLL }, 'interval')];
  },
};

function startReader(
  scope: Scope,
  instructions: ReaderInstructions,
  by: readonly string[] = [],
): Promise<Part<ReaderReady>> {
  return startPart<ReaderReady>(scope, 'volume-reader', instructions, { by });
}

async function startWithoutWatches(scope: Scope, root: string): Promise<{ reader: Part<ReaderReady>; how: string }> {
  const exhausted = await startReader(scope, { root, refuseWatches: false }, WITHOUT_INOTIFY).catch(() => undefined);
  if (exhausted?.ready.watch === 'EMFILE') return { reader: exhausted, how: 'inotify exhausted' };
  return { reader: await startReader(scope, { root, refuseWatches: true }), how: 'fs.watch fails' };
}

function swap(reader: Part<ReaderReady>, order: SwapOrder): Promise<SwapReport> {
  return reader.ask<SwapReport>(order);
}

function rowsOf(how: string, { delays, missed }: SwapReport, limits: typeof GOALS, what: string): Row[] {
  const row = (name: 'p50' | 'p99', share: number): Row => {
    const limit = limits[name];
    const delay = quantile(delays, share);
    const goal = { text: `≤ ${limit} ms`, ratio: 1, met: delay <= limit };
    return {
      name: `${name}, ${how}`,
      ours: milliseconds(delay),
      reference: `${milliseconds(limit)} (${what})`,
      ratio: delay / limit,
      goal: what === 'goal' ? goal : undefined,
    };
  };
  return [
    row('p50', 0.5),
    row('p99', 0.99),
    {
      name: `seen, ${how}`,
      ours: number(delays.length),
      reference: number(SWAPS),
      ratio: delays.length / SWAPS,
      goal: { text: `all ${number(SWAPS)}`, ratio: 1, met: missed === 0 },
    },
  ];
}
