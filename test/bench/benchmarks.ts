import type { Benchmark } from './benchmark.ts';
import { clusterBenchmark } from './benchmarks/cluster.ts';
import { directory } from './benchmarks/directory.ts';
import { headerCost } from './benchmarks/header-cost.ts';
import { memory } from './benchmarks/memory.ts';
import { recovery } from './benchmarks/recovery.ts';
import { rejections } from './benchmarks/rejections.ts';
import { renewals } from './benchmarks/renewals.ts';
import { requestsOverFloor } from './benchmarks/requests-over-floor.ts';
import { sidecar } from './benchmarks/sidecar.ts';
import { sizing } from './benchmarks/sizing.ts';
import { startUp } from './benchmarks/start-up.ts';
import { swaps } from './benchmarks/swaps.ts';

/** In the order in which they run. */
export const BENCHMARKS: readonly Benchmark[] = [
  requestsOverFloor,
  rejections,
  recovery,
  headerCost,
  swaps,
  sidecar,
  startUp,
  memory,
  directory,
  sizing,
  renewals,
  clusterBenchmark,
];
