import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientApp, Execution, ExecutionState } from '../../src/ports/execution-state.ts';

/** A client app that a test starts and stops. */
export interface AppUnderTest {
  readonly app: ClientApp;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Makes its state impossible to tell. */
  obscure(): Promise<void>;
}

export interface ExecutionStateUnderTest {
  readonly state: ExecutionState;
  /** Two client apps, both stopped. */
  readonly apps: readonly [AppUnderTest, AppUnderTest];
  close(): Promise<void>;
}

/** Whatever says whether client apps run. Changes are to be seen within a second or so. */
export function describeExecutionState(name: string, make: () => Promise<ExecutionStateUnderTest>): void {
  describe(`${name}, as an execution state`, () => {
    let parts: ExecutionStateUnderTest;
    const stops: (() => void)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) stop();
      await parts.close();
    });

    async function start() {
      parts = await make();
      const [billing, orders] = parts.apps;
      const watch = (app: ClientApp, changed: () => void = () => {}): (() => void) => {
        const stop = parts.state.watch(app, changed);
        stops.push(stop);
        return stop;
      };
      const expectSoon = (app: ClientApp, execution: Execution): Promise<void> =>
        vi.waitFor(() => expect(parts.state.observe(app)).toBe(execution), { timeout: 10_000, interval: 5 });
      return { state: parts.state, billing, orders, watch, expectSoon };
    }

    it('knows nothing before the first look', async () => {
      const { state, billing } = await start();
      expect(state.observe(billing.app)).toBe('unknown');
    });

    it('finds that a client app is stopped, runs, becomes unknown, and runs again', async () => {
      const { billing, watch, expectSoon } = await start();
      watch(billing.app);
      await billing.stop();
      await expectSoon(billing.app, 'stopped');
      await billing.start();
      await expectSoon(billing.app, 'running');
      await billing.obscure();
      await expectSoon(billing.app, 'unknown');
      await billing.start();
      await expectSoon(billing.app, 'running');
    });

    it('notifies a watcher of each change, when it can be observed', async () => {
      const { state, billing, watch, expectSoon } = await start();
      const heard: Execution[] = [];
      await billing.start();
      watch(billing.app, () => heard.push(state.observe(billing.app)));
      await billing.start();
      await expectSoon(billing.app, 'running');
      await billing.stop();
      await expectSoon(billing.app, 'stopped');
      await billing.start();
      await expectSoon(billing.app, 'running');
      expect(heard.slice(-2)).toEqual(['stopped', 'running']);
      expect(heard.filter((execution, index) => execution === heard[index - 1])).toEqual([]);
    });

    it('keeps client apps apart', async () => {
      const { billing, orders, watch, expectSoon } = await start();
      for (const { app } of [billing, orders]) watch(app);
      await billing.start();
      await orders.stop();
      await expectSoon(billing.app, 'running');
      await expectSoon(orders.app, 'stopped');
    });

    it('notifies all that watch the same client app, and none that left', async () => {
      const { billing, watch, expectSoon } = await start();
      const [one, two, leaver] = [vi.fn<() => void>(), vi.fn<() => void>(), vi.fn<() => void>()];
      const leave = watch(billing.app, leaver);
      watch(billing.app, one);
      watch({ ...billing.app }, two);
      leave();
      leave();
      await billing.start();
      await expectSoon(billing.app, 'running');
      expect(one).toHaveBeenCalled();
      expect(two).toHaveBeenCalled();
      expect(leaver).not.toHaveBeenCalled();
    });

    it('does not call the same watcher twice where it watches twice and leaves once', async () => {
      const { billing, watch, expectSoon } = await start();
      await billing.start();
      const changed = vi.fn<() => void>();
      watch(billing.app, changed);
      watch(billing.app, changed)();
      await billing.start();
      await expectSoon(billing.app, 'running');
      changed.mockClear();
      await billing.stop();
      await expectSoon(billing.app, 'stopped');
      expect(changed).toHaveBeenCalledOnce();
    });
  });
}
