import { afterEach, describe, expect, it } from 'vitest';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import type { LeaseClaim } from '../../src/core/lease.ts';
import type { Lease } from '../../src/ports/lease.ts';
import { failure } from '../support/failure.ts';

export interface LeaseUnderTest {
  /** On a Lease that nobody has held. */
  readonly lease: Lease;
  /** Another way to the same Lease, as another replica has it. */
  another(): Lease;
  /** Changes labels of the Lease as a person does. */
  label(): Promise<void>;
  /** Deletes it. */
  remove(): Promise<void>;
  stop(): Promise<void>;
}

const SOON = { timeout: 10_000, interval: 10 };
const AT = Date.UTC(2026, 0, 1);

function claim(given: Partial<LeaseClaim> = {}): LeaseClaim {
  return {
    holder: 'token-acquirer-7d9f8-aaaaa_00000001',
    address: '10.0.0.1:8443',
    duration: 60_000,
    acquiredAt: AT,
    renewedAt: AT + 20_500,
    transitions: 3,
    assignment: undefined,
    ...given,
  };
}

/** What every Lease does. */
export function describeLease(name: string, make: () => Promise<LeaseUnderTest>): void {
  describe(`${name}, as a Lease`, () => {
    let parts: LeaseUnderTest;
    afterEach(async () => parts.stop());

    async function start(): Promise<LeaseUnderTest> {
      parts = await make();
      return parts;
    }

    it('is free at first', async () => {
      const { lease } = await start();
      expect(await lease.read()).toMatchObject({ holder: undefined, address: undefined, transitions: 0 });
    });

    it.each([claim(), claim({ address: undefined }), claim({ address: '[fd00::1]:8443' })])(
      'has what was written, for each replica: %o',
      async (wanted) => {
        const { lease, another } = await start();
        const { version } = await lease.read();
        const written = await lease.write(wanted, version);
        expect(written).toMatchObject(wanted);
        expect(await another().read()).toEqual(written);
      },
    );

    it('is free again once it was given back', async () => {
      const { lease, another } = await start();
      const first = await lease.write(claim(), (await lease.read()).version);
      const released = await lease.write(claim({ holder: '', address: undefined }), first?.version ?? '');
      expect(released).toMatchObject({ holder: undefined, address: undefined });
      expect((await another().read()).holder).toBeUndefined();
    });

    it('goes to one of several replicas that want it together', async () => {
      const { lease, another } = await start();
      const replicas = Array.from({ length: 6 }, () => another());
      const versions = await Promise.all(replicas.map(async (one) => (await one.read()).version));
      const written = await Promise.all(
        replicas.map((one, index) => one.write(claim({ holder: `pod-${index}_1` }), versions[index] ?? '')),
      );
      const [winner, ...more] = written.filter((record) => record !== undefined);
      expect(more).toEqual([]);
      expect(await lease.read()).toEqual(winner);
    });

    it('is not written where it changed since, and can be after another look', async () => {
      const { lease, another, label } = await start();
      const first = await lease.write(claim(), (await lease.read()).version);
      await label();
      expect(await lease.write(claim({ renewedAt: AT + 40_000 }), first?.version ?? '')).toBeUndefined();
      const read = await lease.read();
      expect(read).toEqual({ ...first, version: read.version });
      expect(await lease.write(claim({ renewedAt: AT + 40_000 }), read.version)).toMatchObject({
        renewedAt: AT + 40_000,
      });
      expect((await another().read()).renewedAt).toBe(AT + 40_000);
    });

    it('reports changes by others until it is left', async () => {
      const { lease, another } = await start();
      let changes = 0;
      const leave = lease.watch(() => void (changes += 1));
      const other = another();
      let { version } = await other.read();
      // A watch takes a moment to begin.
      const write = async (): Promise<void> => {
        version = (await other.write(claim({ renewedAt: AT + changes }), version))?.version ?? version;
      };
      await expect
        .poll(async () => {
          await write();
          return changes;
        }, SOON)
        .toBeGreaterThan(1);
      leave();
      const before = changes;
      await write();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(changes).toBe(before);
    });

    it('says in a sentence that it does not exist, and is not written then', async () => {
      const { lease, remove } = await start();
      const { version } = await lease.read();
      await remove();
      // An API server calls it a conflict.
      const written = await lease.write(claim(), version).catch((error: unknown) => error);
      if (written !== undefined) expect(written).toBeInstanceOf(StoreError);
      const error = await failure(lease.read());
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ permanent: true, missing: true });
      expect(messageOf(error)).toMatch(/^There is no Lease.*\.$/s);
    });
  });
}
