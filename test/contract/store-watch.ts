import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SecretReference } from '../../src/core/token.ts';
import type { StoreWatch } from '../../src/ports/store-watch.ts';

type Changes = Readonly<Record<string, string | undefined>>;

export interface StoreWatchUnderTest {
  readonly watch: StoreWatch;
  /** Two Secrets that hold nothing yet. */
  readonly secrets: readonly [SecretReference, SecretReference];
  /** Resolves when so many Secrets are being watched. */
  watching(count: number): Promise<void>;
  /** Changes keys as someone else. */
  edit(secret: SecretReference, changes: Changes): Promise<void>;
  /** Changes keys as this process does. */
  write(secret: SecretReference, changes: Changes): Promise<void>;
  stop(): Promise<void>;
}

/** News take a moment; a cluster's within a second. */
const SOON = { timeout: 10_000, interval: 10 };
/** Long enough for what must not come to have come. */
const QUIET = 300;

/** What every watch of a token store does. */
export function describeStoreWatch(name: string, make: () => Promise<StoreWatchUnderTest>): void {
  describe(`${name}, as a watch of a token store`, () => {
    let parts: StoreWatchUnderTest;
    afterEach(async () => parts.stop());

    /** Counts the notices about a token. */
    function follow(secret: SecretReference, key: string): { count: number; leave: () => void } {
      const watcher = { count: 0, leave: () => {} };
      watcher.leave = parts.watch.watch(secret, key, () => void (watcher.count += 1));
      return watcher;
    }

    async function start(enabled = true) {
      parts = await make();
      if (enabled) parts.watch.enable(true);
      const [billing, orders] = parts.secrets;
      const watcher = {
        dynamics: follow(billing, 'dynamics'),
        ledger: follow(billing, 'ledger'),
        other: follow(orders, 'dynamics'),
      };
      if (enabled) await parts.watching(2);
      await pause(QUIET);
      for (const one of Object.values(watcher)) one.count = 0;
      const counts = (): number[] => Object.values(watcher).map(({ count }) => count);
      return { ...parts, billing, orders, watcher, counts };
    }

    it('reports what a stranger changes, each token of the Secret and no other', async () => {
      const { billing, edit, counts } = await start();
      await edit(billing, { dynamics: 'edited' });
      await expect.poll(counts, SOON).toEqual([1, 1, 0]);
      await edit(billing, { dynamics: undefined });
      await expect.poll(counts, SOON).toEqual([2, 2, 0]);
    });

    it('does not report what this process writes', async () => {
      const { billing, orders, write, edit, counts } = await start();
      for (let count = 0; count < 5; count += 1) await write(billing, { dynamics: `${count}`, 'dynamics.json': '{}' });
      await edit(orders, { dynamics: 'edited' });
      await expect.poll(counts, SOON).toEqual([0, 0, 1]);
      await pause(QUIET);
      expect(counts()).toEqual([0, 0, 1]);
    });

    it('notifies each watcher, and none that left', async () => {
      const { billing, edit, counts, watcher } = await start();
      watcher.dynamics.leave();
      watcher.dynamics.leave();
      await edit(billing, { dynamics: 'edited' });
      await expect.poll(counts, SOON).toEqual([0, 1, 0]);
    });

    it('reports nothing before it is switched on, nor after it is switched off', async () => {
      const { billing, orders, edit, counts, watch, watching } = await start(false);
      await edit(billing, { dynamics: 'edited' });
      await pause(QUIET);
      expect(counts()).toEqual([0, 0, 0]);
      watch.enable(true);
      await watching(2);
      await edit(billing, { dynamics: 'edited again' });
      await edit(orders, { dynamics: 'edited again' });
      await expect.poll(() => counts().every((count) => count > 0), SOON).toBe(true);
      watch.enable(false);
      await watching(0);
      await pause(QUIET);
      const before = counts();
      await edit(billing, { dynamics: 'edited once more' });
      await pause(QUIET);
      expect(counts()).toEqual(before);
    });
  });
}
