import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from '@prometheus-io/client';

/** What the process has used since its start; times in seconds. */
export interface ResourceUsage {
  readonly cpu: number;
  /** Resident memory in bytes. */
  readonly memory: number;
  /** How long the event loop was busy. */
  readonly busy: number;
  /** When the process started, as Unix time. */
  readonly startedAt: number;
}

/** What Node knows of this process. Nothing is measured in between, so it costs only the scrape. */
export function usageOfThisProcess(): ResourceUsage {
  const { user, system } = process.cpuUsage();
  return {
    cpu: (user + system) / 1e6,
    memory: process.memoryUsage.rss(),
    busy: performance.eventLoopUtilization().active / 1000,
    startedAt: performance.timeOrigin / 1000,
  };
}

/** What the process uses as metrics, read when they are scraped. The names are those of other programs where there are any. */
export function createResourceMetrics(registers: Registry[], usage: () => ResourceUsage): void {
  counter('process_cpu_seconds_total', 'CPU time that the process used, in seconds.', ({ cpu }) => cpu);
  counter(
    'nodejs_eventloop_active_seconds_total',
    'Time that the event loop was busy, in seconds. A rate near 1 means that it is overloaded.',
    ({ busy }) => busy,
  );
  gauge('process_resident_memory_bytes', 'Resident memory of the process, in bytes.', ({ memory }) => memory);
  gauge('process_start_time_seconds', 'Start of the process, as Unix time.', ({ startedAt }) => startedAt);

  function counter(name: string, help: string, valueOf: (now: ResourceUsage) => number): void {
    const made: Counter = new Counter({
      name,
      help,
      registers,
      collect(): void {
        made.reset();
        made.inc(valueOf(usage()));
      },
    });
  }

  function gauge(name: string, help: string, valueOf: (now: ResourceUsage) => number): void {
    const made: Gauge = new Gauge({
      name,
      help,
      registers,
      collect(): void {
        made.set(valueOf(usage()));
      },
    });
  }
}
