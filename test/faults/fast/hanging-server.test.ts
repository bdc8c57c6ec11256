import { describe, expect, vi } from 'vitest';
import type { ProxyMode } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';

vi.setConfig({ maxConcurrency: 6 });

/** The limit of a token request, and what a busy machine may add. */
const [LIMIT, MORE] = [10_000, 10_000];

describe('a server that does not answer', () => {
  row(
    'F3',
    async (run) => {
      const modes: readonly ProxyMode[] = ['hang', 'drip'];
      await Promise.all(
        modes.map(async (mode) => {
          const world = await run.world({ lifetime: 24 });
          await world.proxy.set(mode);
          const failed = await world.acquirer.logged('token-request-failed', 1, 60_000);
          expect(failed).toMatchObject({ code: 'timeout' });
          expect(Number(failed['took_ms'])).toBeGreaterThanOrEqual(LIMIT);
          expect(Number(failed['took_ms'])).toBeLessThan(LIMIT + MORE);
          await until('The end of the connection', () => world.proxy.connections.open.size <= 1, 10_000);
          expect(await world.isReady()).toBe(true);
          await world.proxy.set('pass');
          await world.acquirer.logged('token-issued', 2, 40_000);
          await world.calls.succeed(20);
        }),
      );
    },
    { timeout: 120_000 },
  );
});
