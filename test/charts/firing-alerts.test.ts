import { describe, expect, it, vi } from 'vitest';
import { realParts, stopAll } from '../real/real-parts.ts';
import { until } from '../support/until.ts';
import { type Exposed, openExposed } from './exposition.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { type Rule, renderedRules } from './promtool.ts';
import { startLoneShard } from './shard-without-neighbour.ts';

vi.setConfig({ testTimeout: 300_000 });

/** A renewal is overdue a minute after it was due. */
const PATIENCE = 200_000;
/** Seconds. A token is renewed after two thirds of it, and expires in time for this test. */
const LIFETIME = 20;
const IN_THREE_DAYS = new Date(Date.now() + 3 * 86_400_000).toISOString();
/** Fires if a client reports its token again and again. */
const REPEATED = 'TokenRejectedOften';
/** Fires only when nothing runs any more. */
const LAST = 'TokenAcquirerDown';

interface Run {
  readonly prometheus: Prometheus;
  readonly rules: readonly Rule[];
  readonly exposed: Exposed;
  /** Ends the token-acquirers. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Two token-acquirers in trouble, and a Prometheus with the chart's rules, which do not wait here before they fire. */
async function startRun(): Promise<Run> {
  const rules = await renderedRules('token-acquirer');
  const immediate = rules.map(({ for: _, ...rule }) => rule);
  const shard = await startLoneShard();
  const started = Promise.withResolvers<Prometheus>();
  try {
    const exposed = await openExposed({ lifetime: LIFETIME, expiresAt: IN_THREE_DAYS }, async (metrics) => {
      started.resolve(await startPrometheus([metrics, shard.metrics], immediate));
      await (await started.promise).scraped();
    });
    const prometheus = await started.promise;
    const kill = async (): Promise<void> => {
      await Promise.all([exposed, shard].map(({ acquirer }) => acquirer.end('SIGKILL')));
    };
    return { prometheus, rules, exposed, kill, stop: () => stopAll([prometheus, exposed, shard]) };
  } catch (error) {
    await shard.stop();
    throw error;
  }
}

describe("the chart's alerts on a real Prometheus that scrapes real token-acquirers", () => {
  const run = realParts(startRun);
  const firing = async (): Promise<string[]> => {
    const alerts = await run().prometheus.query('ALERTS{alertstate="firing"}');
    return [...new Set(alerts.map(({ metric }) => metric['alertname'] ?? ''))];
  };

  it('each fire in one run', async () => {
    const seen = new Set<string>();
    const missing = (): string[] => run().rules.flatMap(({ alert }) => (seen.has(alert) ? [] : [alert]));
    const look = async (): Promise<void> => {
      for (const alert of await firing()) seen.add(alert);
    };
    const hasAll = async (): Promise<boolean> => {
      if (!seen.has(REPEATED)) await run().exposed.failReissue();
      await look();
      return missing().every((alert) => alert === LAST);
    };
    await until('Every alert', hasAll, PATIENCE).catch(() => undefined);
    expect(missing()).toEqual([LAST]);
    await run().kill();
    await until(LAST, async () => (await firing()).includes(LAST), PATIENCE);
  });
});
