import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { authorizedFetch } from '../../../src/client/index.ts';
import { unsignedJwt } from '../../support/jwt.ts';
import { secret } from '../../support/secrets.ts';
import { attack, callerOf, ofAge, TOKEN_PATH } from '../attacker.ts';
import { row } from '../row.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: 4 });

/** No renewal is due in the time of a row. */
const LONG = { lifetime: 600 };
const TWO_SECRETS = ['billing-tokens', 'shipping-tokens'];
const OLD = 'f'.repeat(64);

/** How many token requests calls may lead to: one immediately, and then one after pauses of 1, 2, 4 s and so on. */
function mostSince(began: number): number {
  const seconds = (performance.now() - began) / 1000;
  return 2 + Math.ceil(Math.log2(seconds + 1));
}

describe('a caller', () => {
  row('A2', async (run) => {
    const world = await run.world(LONG);
    const former = callerOf(world);
    const expired = unsignedJwt({ sub: 'system:serviceaccount:billing:billing-app', exp: 1_000_000_000 });
    const bearers = [undefined, '', 'garbage', `${former.slice(0, -1)}x`, `${former}x`, expired, 'x'.repeat(8000)];
    const before = world.front.requests.length;
    for (const bearer of bearers) expect((await attack(world, { bearer })).status).toBe(401);
    writeFileSync(world.stage.workplace.callerToken, secret('next-caller'), { mode: 0o600 });
    await world.goOn(1500);
    expect((await attack(world, { bearer: former })).status).toBe(401);
    expect((await attack(world, { rejected: OLD })).status).toBe(200);
    expect(world.front.requests).toHaveLength(before);
    // Each one is in the audit log, or in its count.
    expect(world.acquirer.count('call-refused')).toBeGreaterThan(0);
  });

  row('A4', async (run) => {
    const other = secret('shipping-caller');
    const world = await run.world({
      ...LONG,
      secrets: TWO_SECRETS,
      prepare: (opening) => {
        const tokenFile = join(opening.stage.workplace.root, 'callers', 'shipping-app');
        writeFileSync(tokenFile, other, { mode: 0o600 });
        const clients = [{ name: 'shipping-app', tokenFile }];
        opening.configure({ more: (name) => (name === 'shipping-tokens' ? { clients } : {}) });
      },
    });
    const asked = async (path: string) => {
      const { status, text, headers } = await attack(world, { path: `${path}/reissue`, bearer: other, rejected: OLD });
      return { status, text, names: [...headers.keys()].toSorted() };
    };
    const before = world.front.requests.length;
    const foreign = await asked(TOKEN_PATH);
    expect(foreign.status).toBe(403);
    for (const [part, absent] of [
      ['/dynamics', '/absent'],
      ['/billing/', '/absent/'],
      ['billing-tokens', 'absent'],
    ] as const)
      expect(await asked(TOKEN_PATH.replace(part, absent))).toEqual(foreign);
    expect((await asked(TOKEN_PATH.replace('billing-tokens', 'shipping-tokens'))).status).toBe(200);
    expect(world.front.requests).toHaveLength(before);
  });

  row('A5', async (run) => {
    const world = await run.world({ ...LONG, secrets: TWO_SECRETS });
    await ofAge(world);
    const before = world.front.requests.length;
    const statuses: number[] = [];
    const began = performance.now();
    const flood = async (): Promise<void> => {
      while (performance.now() < began + 4000 || statuses.length < 60) statuses.push((await attack(world)).status);
    };
    await Promise.all(Array.from({ length: 20 }, flood));
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(world.front.requests.length - before).toBeLessThanOrEqual(mostSince(began));
    const path = `${TOKEN_PATH.replace('billing-tokens', 'shipping-tokens')}/reissue`;
    expect((await attack(world, { path, rejected: OLD })).status).toBe(200);
  });

  row('A6', async (run) => {
    const world = await run.world(LONG);
    await ofAge(world);
    const { access_token: live } = world.document;
    const before = world.front.requests.length;
    const began = performance.now();
    expect((await attack(world)).status).toBe(200);
    for (let claims = 0; claims < 20; claims += 1) expect([200, 429]).toContain((await attack(world)).status);
    expect(world.front.requests.length - before).toBeLessThanOrEqual(mostSince(began));
    // Nothing is revoked because somebody says that it is bad.
    expect(await world.stage.isActive(live)).toBe(true);
    await world.calls.succeed(20);
  });

  row('A7', async (run) => {
    const world = await run.world(LONG);
    await ofAge(world);
    const { sha256: rejected } = world.document;
    const before = world.front.requests.length;
    expect(JSON.parse((await attack(world, { rejected })).text)).toMatchObject({ outcome: 'reissued' });
    const replays = await Promise.all(Array.from({ length: 100 }, () => attack(world, { rejected })));
    const outcomes = replays.map(({ text }) => (JSON.parse(text) as { outcome: string }).outcome);
    expect(new Set(outcomes)).toEqual(new Set(['newer']));
    expect(world.front.requests.length - before).toBe(1);
  });

  row('A17', async (run) => {
    const world = await run.world({ ...LONG, judgesTokens: false });
    await ofAge(world);
    world.stage.rejectAll(true);
    const { url } = world.stage.gateway;
    let sent = 0;
    const fetchCounted: typeof fetch = async (input, init) => {
      sent += 1;
      return fetch(input, init);
    };
    const call = authorizedFetch(world.source, { origins: [new URL(url).origin], fetch: fetchCounted });
    const before = world.front.requests.length;
    const calls = 60;
    const began = performance.now();
    for (let at = 0; at < calls; at += 1) expect(await world.get(call)).toBe(401);
    // Each is replayed once, as far as the budget allows: 10 at rest, and a fifth of the calls.
    expect(sent).toBeGreaterThanOrEqual(calls);
    expect(sent).toBeLessThanOrEqual(calls + 10 + calls / 5);
    expect(world.front.requests.length - before).toBeLessThanOrEqual(mostSince(began));
    world.stage.rejectAll(false);
    await world.calls.succeed(20);
  });
});
