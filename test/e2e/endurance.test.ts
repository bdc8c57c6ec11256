import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { stages } from './stage.ts';

vi.setConfig({ testTimeout: 90_000 });

const { open, closeAll } = stages();
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await closeAll();
  await Promise.all(stops.map((stop) => stop()));
});

/** The refresh tokens of all token requests that went through, in their order. */
function refreshTokensIn(requests: readonly string[]): string[] {
  return requests.flatMap((request) =>
    [...request.matchAll(/refresh_token=([^&\s]+)/g)].map(([, token]) => token ?? ''),
  );
}

/** What is said of a refresh token whose answer was lost. */
const LOST: readonly unknown[] = ['state_busy', 'needs_credential'];

describe('kills of a token-acquirer at random moments', () => {
  it('never make a refresh token be sent twice; where its answer was lost, it waits or asks for a new credential', async () => {
    const stage = await open({ grant: 'refresh_token', lifetime: 2 });
    const { workplace, server } = stage;
    const proxy = await startTcpProxy(server.port);
    stops.push(() => proxy.stop());
    workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: `${proxy.url}/token` } }));
    workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() });
    const codes = new Set<unknown>();
    let rotations = 0;
    const isEnough = (): boolean => rotations > 0 && refreshTokensIn(proxy.requests).length > 5;
    // A kill may come before the request is sent, so the number of kills does not fix the number of requests.
    for (let kill = 0; kill < 12 || (kill < 40 && !isEnough()); kill += 1) {
      const running = stage.acquirer();
      await running.logged('configuration-loaded');
      // About when a request is under way, or its answer is saved.
      const seen = proxy.connections.opened;
      await until(
        'A token request',
        () => proxy.connections.opened > seen || running.count('token-request-failed') > 0,
        20_000,
      );
      // On a busy machine no answer may come within 40 ms. Until one does, the kills come later and later.
      await pause(Math.random() * 40 * (rotations === 0 ? kill + 1 : 1));
      await running.end('SIGKILL');
      rotations += running.count('token-issued');
      for (const { code } of running.lines) if (code !== undefined) codes.add(code);
      // The mark of a killed process is believed for 15 s; a new credential ends the wait, as it replaces a spent token.
      if (running.lines.some(({ code }) => LOST.includes(code))) {
        workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() });
      }
    }
    const sent = refreshTokensIn(proxy.requests);
    expect(sent.length).toBeGreaterThan(5);
    expect(new Set(sent).size).toBe(sent.length);
    // The server would have answered invalid_grant to a used one, and ended its chain.
    expect([...codes].filter((code) => !LOST.includes(code))).toEqual([]);
    expect(rotations).toBeGreaterThan(0);
  });
});
