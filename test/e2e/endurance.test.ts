import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { freePort } from '../support/free-port.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { MAIN, runArguments } from './acquirer-process.ts';
import { stages } from './stage.ts';

vi.setConfig({ testTimeout: 90_000 });

const { open, closeAll } = stages();
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await closeAll();
  await Promise.all(stops.map((stop) => stop()));
});

function documentIn(volume: string): TokenDocument {
  return JSON.parse(readFileSync(join(volume, 'dynamics.json'), 'utf8')) as TokenDocument;
}

/** The refresh tokens of all token requests that went through, in their order. */
function refreshTokensIn(requests: readonly string[]): string[] {
  return requests.flatMap((request) =>
    [...request.matchAll(/refresh_token=([^&\s]+)/g)].map(([, token]) => token ?? ''),
  );
}

/** What is said of a refresh token whose answer was lost. */
const LOST: readonly unknown[] = ['state_busy', 'needs_credential'];

describe.concurrent('kills of a token-acquirer at random moments', () => {
  it('never make the token in the volume invalid, nor ask for more than is due', async () => {
    const { acquirer, gateway, workplace, server } = await open({ lifetime: 4 });
    let running = acquirer();
    await running.logged('token-issued');
    const began = Date.now();
    const statuses: number[] = [];
    for (let kill = 0; kill < 8; kill += 1) {
      await pause(Math.random() * 1200);
      await running.end('SIGKILL');
      running = acquirer();
      await running.logged('configuration-loaded');
      await pause(200);
      const { access_token: token, expires_at: expiry } = documentIn(workplace.volume());
      // On a machine so busy that a start takes longer than the token lives, there is nothing to be said.
      if (Date.parse(expiry) - Date.now() < 500) continue;
      const answer = await fetch(`${gateway.url}/incidents`, { headers: { authorization: `Bearer ${token}` } });
      statuses.push(answer.status);
    }
    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([200]));
    // One a kill at most, and one each 2.5 s.
    expect(server.counts.tokenRequests).toBeLessThanOrEqual(10 + (Date.now() - began) / 2400);
  });

  it('never make a refresh token be sent twice; where its answer was lost, it waits or asks for a new credential', async () => {
    const stage = await open({ grant: 'refresh_token', lifetime: 2 });
    const { workplace, server } = stage;
    const proxy = await startTcpProxy(server.port);
    stops.push(() => proxy.stop());
    workplace.configure(stage.configuration({ reachedBy: { tokenEndpoint: `${proxy.url}/token` } }));
    workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() });
    const codes = new Set<unknown>();
    let rotations = 0;
    // A kill may come before the request is sent, so the number of kills does not fix the number of requests.
    for (let kill = 0; kill < 12 || (kill < 40 && refreshTokensIn(proxy.requests).length <= 5); kill += 1) {
      const running = stage.acquirer();
      await running.logged('configuration-loaded');
      // About when a request is under way, or its answer is saved.
      const seen = proxy.connections.opened;
      await until(
        'A token request',
        () => proxy.connections.opened > seen || running.count('token-request-failed') > 0,
        20_000,
      );
      await pause(Math.random() * 40);
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

describe('standard output', () => {
  it('into a pipe that nobody reads stops neither renewals, nor calls, nor the end', async () => {
    const stage = await open({ lifetime: 2 });
    const { workplace, server } = stage;
    const statusPort = await freePort();
    const listeners = ['--status-listen', `127.0.0.1:${statusPort}`, '--log-level', 'debug', '--grace', '2s'];
    const child = spawn(process.execPath, [MAIN, ...runArguments(workplace), ...listeners], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    stops.push(async () => child.kill('SIGKILL'));
    const status = async (): Promise<StatusReport | undefined> => {
      const answer = await fetch(`http://127.0.0.1:${statusPort}/status`).catch(() => undefined);
      return answer?.json() as Promise<StatusReport> | undefined;
    };
    await until('The first token', async () => (await status())?.tokens[0]?.state === 'Valid', 30_000);
    // Rejected configurations are long lines: far more of them than a pipe and the buffer before it hold.
    const faults = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`unknown-${index}`, index]));
    for (let reload = 0; reload < 12; reload += 1) {
      workplace.configure({ ...faults, reload });
      await pause(150);
    }
    const before = server.counts.tokenRequests;
    await pause(4000);
    expect(server.counts.tokenRequests).toBeGreaterThan(before);
    expect((await status())?.tokens[0]?.state).toBe('Valid');
    const stopped = performance.now();
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(performance.now() - stopped).toBeLessThan(10_000);
  });
});
