import { describe, expect, vi } from 'vitest';
import { row } from '../row.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ testTimeout: 60_000, maxConcurrency: 6 });

describe('an authorization server', () => {
  row('F1', async (run) => {
    const world = await run.world({ lifetime: 12 });
    await world.proxy.set('refuse');
    const { sha256 } = world.document;
    await world.acquirer.logged('token-request-failed', 2);
    expect(world.document.sha256).toBe(sha256);
    expect(await world.isReady()).toBe(true);
    expect((await world.report()).last_error).toMatchObject({ code: 'unreachable' });
    await world.proxy.set('pass');
    await world.acquirer.logged('token-issued', 2);
    await world.calls.succeed(20);
    expect(world.calls.figures.failed).toBe(0);
  });
});
