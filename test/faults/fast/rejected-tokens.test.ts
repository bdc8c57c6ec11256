import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, vi } from 'vitest';
import type { Fetch } from '../../../src/client/index.ts';
import { type LoopbackServer, startHttpServer } from '../../support/loopback-server.ts';
import { keepText } from '../../support/outputs.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';
import type { World } from '../world.ts';

vi.setConfig({ maxConcurrency: 3 });

/** Clients that call through the gateway, and others that only call the reissue endpoint. All of them run together. */
const [CLIENTS, CALLERS] = [50, 950];
const TOKEN_PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';
const CALLERS_PROGRAM = join(import.meta.dirname, '../../fixtures/reissue-callers.ts');
const [SMALL, LARGE] = [1024, 100 * 1024];

async function callsOf(world: World, clients: number): Promise<Fetch[]> {
  const sources = Array.from({ length: clients }, () => world.stage.source(world.acquirer));
  return (await Promise.all(sources)).map(({ call }) => call);
}

/** What so many callers in another process are answered together. */
async function outcomesOf(world: World, sha256: string): Promise<Readonly<Record<string, number>>> {
  const url = `${await world.acquirer.url('reissue')}${TOKEN_PATH}/reissue`;
  const args = [CALLERS_PROGRAM, url, world.stage.workplace.callerToken, sha256, String(CALLERS)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  keepText('reissue-callers', stdout);
  return JSON.parse(stdout) as Record<string, number>;
}

/** A service that counts what it executes. */
async function startCountingService(): Promise<LoopbackServer & { readonly executed: number[] }> {
  const executed: number[] = [];
  const server = await startHttpServer((request, response) => {
    buffer(request)
      .then((body) => {
        if (request.method === 'POST') executed.push(body.length);
        response.end('done');
      })
      .catch(() => response.destroy());
  });
  return { ...server, executed };
}

async function post(world: World, call: Fetch, body: RequestInit['body']): Promise<number> {
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
  const answer = await call(`${world.stage.gateway.url}/incidents`, init);
  await answer.body?.cancel();
  return answer.status;
}

function streamOf(...parts: readonly (string | Error)[]): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream({
    pull(controller) {
      const part = left.shift();
      if (part === undefined) controller.close();
      else if (part instanceof Error) controller.error(part);
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

describe('a rejected token', () => {
  row('F13', async (run) => {
    const world = await run.world({ lifetime: 300, every: 200 });
    const clients = await callsOf(world, CLIENTS);
    const before = world.front.requests.length;
    await pause(1000);
    const { sha256, access_token: token } = world.document;
    await world.stage.revoke(token);
    const calls = clients.map((call) => world.get(call));
    const outcomes = await outcomesOf(world, sha256);
    expect(await Promise.all(calls)).toEqual(calls.map(() => 200));
    const { reissued = 0, coalesced = 0, newer = 0, ...others } = outcomes;
    expect(others).toEqual({});
    expect(reissued + coalesced + newer).toBe(CALLERS);
    expect(reissued).toBeLessThanOrEqual(1);
    expect(world.front.requests.length - before).toBe(1);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F14', async (run) => {
    const world = await run.world({ lifetime: 60, more: { renewal: { interval: '3s' } } });
    const { sha256 } = world.document;
    await world.renewed(sha256);
    const before = world.front.requests.length;
    const late = Array.from({ length: 10 }, async () => {
      const { outcome } = (await (await world.reissue(sha256)).json()) as { outcome: string };
      return outcome;
    });
    expect(new Set(await Promise.all(late))).toEqual(new Set(['newer']));
    // The next renewal may have come.
    expect(world.front.requests.length - before).toBeLessThanOrEqual(1);
    expect(world.acquirer.count('reissued')).toBe(0);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F15', async (run) => {
    const world = await run.world({ lifetime: 300, judgesTokens: false });
    const before = world.front.requests.length;
    world.stage.rejectAll(true);
    const since = (): number[] => world.front.requests.slice(before).map(({ at }) => at);
    await until('The third reissue', () => since().length >= 3, 60_000);
    const [first = 0, second = 0, third = 0] = since();
    // Requests on a busy machine are seen late.
    expect(second - first).toBeGreaterThan(700);
    expect(third - second).toBeGreaterThan(1500);
    const answer = await fetch(`${world.stage.gateway.url}/incidents`);
    const given = await (await world.stage.source(world.acquirer)).call(`${world.stage.gateway.url}/incidents`);
    expect(given.status).toBe(401);
    expect(given.headers.get('content-type')).toBe(answer.headers.get('content-type'));
    expect(given.headers.get('www-authenticate')).toBe('Bearer realm="incident-desk", error="invalid_token"');
    expect(world.calls.failures).toEqual({ 401: expect.any(Number) });
    world.stage.rejectAll(false);
    await world.calls.succeed(20);
  });

  row('F16', async (run) => {
    const service = await startCountingService();
    run.atEnd(() => service.stop());
    const world = await run.world({ lifetime: 300, every: 500, servedBy: service.url });
    const { call } = await world.stage.source(world.acquirer);
    const revoked = async (): Promise<void> => world.stage.revoke(world.document.access_token);
    const executed = (length: number): number => service.executed.filter((each) => each === length).length;
    await pause(1000);
    await revoked();
    expect(await post(world, call, 's'.repeat(SMALL))).toBe(200);
    expect(executed(SMALL)).toBe(1);
    // So that the pause between two reissues does not count.
    await pause(11_000);
    await revoked();
    expect(await post(world, call, streamOf('a', 'b', 'c'))).toBe(200);
    expect(executed(3)).toBe(1);
    await expect(post(world, call, streamOf('a', new Error('The sender stopped.'), 'b'))).rejects.toThrow();
    expect(executed(1)).toBe(0);
    // Whether the gateway has rejected it depends on which of both clients noticed first.
    await pause(11_000);
    world.stage.rejectAll(true);
    expect(await post(world, call, 'l'.repeat(LARGE))).toBe(401);
    world.stage.rejectAll(false);
    expect(executed(LARGE)).toBe(0);
    await until('A call', async () => (await post(world, call, 'l'.repeat(LARGE))) === 200, 20_000);
    expect(executed(LARGE)).toBe(1);
  });

  row('F35', async (run) => {
    let proxy: TcpProxy | undefined;
    const world = await run.world({
      lifetime: 60,
      more: { renewal: { interval: '5s' } },
      reissueBy: async (url) => {
        proxy = await startTcpProxy(Number(new URL(url).port));
        return proxy.url;
      },
    });
    run.atEnd(() => proxy?.stop());
    await proxy?.set('refuse');
    await world.renewed(world.document.sha256);
    await world.calls.succeed(5);
    const { sha256, access_token: token } = world.document;
    await world.stage.revoke(token);
    await world.goOn(1000);
    await world.renewed(sha256);
    await world.calls.succeed(20);
    expect(world.acquirer.count('reissued')).toBe(0);
    // The client waited for the volume.
    expect(world.calls.figures.failed).toBe(0);
  });
});
