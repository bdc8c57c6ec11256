import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Fetch } from '../../src/client/index.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { type Stage, stages } from './stage.ts';

const { open, closeAll } = stages();
afterEach(closeAll);

/** Every 20 ms: 50 calls a second. */
const PACE = 20;
const ENDING = { onCredentialChange: 'reissue', revokePrevious: true };

/** Calls the service through the gateway at this pace until they are stopped. */
function steadyCalls(call: Fetch, url: string): { stop(): Promise<readonly number[]> } {
  const statuses: Promise<number>[] = [];
  const timer = setInterval(() => {
    statuses.push(
      call(url).then(async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      }),
    );
  }, PACE);
  return {
    stop: () => {
      clearInterval(timer);
      return Promise.all(statuses);
    },
  };
}

const tokenIn = (stage: Stage, name: string): string =>
  readFileSync(join(stage.workplace.volume(name), 'dynamics'), 'utf8');

async function anyActive(stage: Stage, tokens: readonly string[]): Promise<boolean> {
  const states = await Promise.all(tokens.map((token) => stage.isActive(token)));
  return states.includes(true);
}

describe('a changed credential, at a real authorization server', () => {
  it('ends 50 tokens within seconds, without a failed call', { timeout: 120_000 }, async () => {
    const other = { username: 'svc-billing-2', password: secret('user-password') };
    const names = Array.from({ length: 50 }, (_, at) => `tokens-${at}`);
    const stage = await open({ grant: 'password', lifetime: 3600, secrets: names, users: [other], more: ENDING });
    const running = stage.acquirer();
    const { call } = await stage.source(running, names[0]);
    await running.logged('token-stored', names.length);
    // Without the change, a token that was just replaced is left to its clients for 120 s.
    const { source } = await stage.source(running, names[1]);
    const replaced = tokenIn(stage, 'tokens-1');
    await source.replace(source.current().sha256);
    await running.logged('token-stored', names.length + 1);
    const current = names.map((name) => tokenIn(stage, name));
    const old = [...current, replaced];
    const calls = steadyCalls(call, `${stage.gateway.url}/incidents`);
    await pause(1000);
    const began = performance.now();
    expect(await Promise.all(old.map((token) => stage.isActive(token)))).not.toContain(false);
    // 5 s on an idle machine; on a busy one as much more as it takes for the requests.
    const within = 5000 + 10 * (performance.now() - began);

    // One file after the other: the first one makes a wrong credential.
    stage.workplace.credential('dynamics', other);
    await until('The end of every old token', async () => !(await anyActive(stage, old)), within);
    await running.logged('token-revoked', old.length);
    await pause(1000);
    const statuses = await calls.stop();

    const fresh = names.map((name) => tokenIn(stage, name));
    expect(new Set([...old, ...fresh]).size).toBe(2 * names.length + 1);
    expect(await Promise.all(fresh.map((token) => stage.isActive(token)))).not.toContain(false);
    expect(statuses.length).toBeGreaterThan(50);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(running.count('token-revoked')).toBe(old.length);
    expect(running.count('revocation-failed')).toBe(0);
  });

  it('of a refresh token ends its token, and begins another chain', { timeout: 60_000 }, async () => {
    const stage = await open({ grant: 'refresh_token', lifetime: 3600, more: ENDING });
    stage.workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() });
    const running = stage.acquirer();
    const { call, source } = await stage.source(running);
    const old = tokenIn(stage, 'billing-tokens');
    stage.workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() });
    await running.logged('token-revoked');
    expect(await stage.isActive(old)).toBe(false);
    expect((await call(`${stage.gateway.url}/incidents`)).status).toBe(200);
    // The new chain outlives the revocation: its next refresh token gives a token.
    await stage.revoke(source.current().accessToken.reveal());
    await pause(2500);
    expect((await call(`${stage.gateway.url}/incidents`)).status).toBe(200);
    await running.logged('token-issued', 3);
    expect(running.count('token-request-failed')).toBe(0);
  });

  it('that is wrong ends no token', { timeout: 60_000 }, async () => {
    const stage = await open({ grant: 'password', lifetime: 3600, more: ENDING });
    const running = stage.acquirer();
    const { call } = await stage.source(running);
    const old = tokenIn(stage, 'billing-tokens');
    stage.workplace.credential('dynamics', { password: secret('wrong') });
    await running.logged('token-request-failed');
    await pause(2000);
    expect(tokenIn(stage, 'billing-tokens') === old).toBe(true);
    expect((await call(`${stage.gateway.url}/incidents`)).status).toBe(200);
    expect(stage.server.counts.revocations).toBe(0);
  });
});
