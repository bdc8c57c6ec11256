import { afterEach, describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import type { CallerAuthenticator } from '../../src/ports/caller-authenticator.ts';
import { secret } from '../support/secrets.ts';

export interface CallerAuthenticatorUnderTest {
  readonly authenticator: CallerAuthenticator;
  /** The names of two callers that it may know. */
  readonly names: readonly [string, string];
  /** From now on this caller presents another bearer, which is returned; the one before is no longer valid. */
  issue(name: string): Promise<string>;
  /** From now on this caller has no valid bearer. */
  revoke(name: string): Promise<void>;
  /** Lets the time pass for which an answer may be cached. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** Whatever knows callers by their bearers. */
export function describeCallerAuthenticator(name: string, make: () => Promise<CallerAuthenticatorUnderTest>): void {
  describe(`${name}, as an authenticator of callers`, () => {
    let parts: CallerAuthenticatorUnderTest;
    afterEach(async () => parts.stop());

    async function start() {
      parts = await make();
      const [billing, orders] = parts.names;
      const who = async (bearer: string): Promise<string | undefined> =>
        (await parts.authenticator.authenticate(new Redacted(bearer)))?.name;
      return { ...parts, billing, orders, who };
    }

    it('knows nobody at first', async () => {
      const { who } = await start();
      expect(await who(secret('stranger'))).toBeUndefined();
    });

    it('knows each caller by its own bearer', async () => {
      const { who, billing, orders, issue, settle } = await start();
      const [one, other] = [await issue(billing), await issue(orders)];
      await settle();
      expect([await who(one), await who(other)]).toEqual([billing, orders]);
    });

    it.each<[what: string, change: (bearer: string) => string]>([
      ['nothing', () => ''],
      ["a stranger's", () => secret('stranger')],
      ['a part of it', (bearer) => bearer.slice(0, -1)],
      ['more than it', (bearer) => `${bearer}x`],
      ['it in other letters', (bearer) => bearer.toUpperCase()],
      ['it and a line break', (bearer) => `${bearer}\n`],
      ['it with a blank before', (bearer) => ` ${bearer}`],
      ['its name', () => 'billing'],
      ['very much', (bearer) => bearer.repeat(1000)],
    ])('does not know a caller by %s', async (_what, change) => {
      const { who, billing, issue, settle } = await start();
      const bearer = await issue(billing);
      await settle();
      expect(await who(change(bearer))).toBeUndefined();
      expect(await who(bearer)).toBe(billing);
    });

    it('knows a caller by its new bearer and no longer by the old one', async () => {
      const { who, billing, issue, settle } = await start();
      const old = await issue(billing);
      await settle();
      expect(await who(old)).toBe(billing);
      const bearer = await issue(billing);
      await settle();
      expect([await who(old), await who(bearer)]).toEqual([undefined, billing]);
    });

    it('no longer knows a caller that was revoked, and still the other', async () => {
      const { who, billing, orders, issue, revoke, settle } = await start();
      const [one, other] = [await issue(billing), await issue(orders)];
      await settle();
      expect(await who(one)).toBe(billing);
      await revoke(billing);
      await settle();
      expect([await who(one), await who(other)]).toEqual([undefined, orders]);
    });

    it('answers many in parallel', async () => {
      const { who, billing, orders, issue, settle } = await start();
      const [one, other] = [await issue(billing), await issue(orders)];
      await settle();
      const bearers = Array.from({ length: 300 }, (_, index) => [one, other, secret('stranger')][index % 3] ?? '');
      const answers = await Promise.all(bearers.map(who));
      expect(answers).toEqual(bearers.map((_, index) => [billing, orders, undefined][index % 3]));
    });
  });
}
