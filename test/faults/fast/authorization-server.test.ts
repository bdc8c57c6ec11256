import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, vi } from 'vitest';
import { secret } from '../../support/secrets.ts';
import { until } from '../../support/until.ts';
import { type RowRun, row } from '../row.ts';
import type { FrontAnswer } from '../token-endpoint-front.ts';
import type { World } from '../world.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: 3 });

/** Less what the way to the server may take on a busy machine, once more and once less. */
const A_SECOND = 600;
/** Renewed every 2 s, long before it expires. */
const RENEWED_OFTEN = { lifetime: 60, more: { renewal: { interval: '2s' } } };

/** Milliseconds between the last two token requests. */
function lastGap(world: World): number {
  const [before, last] = world.front.requests.slice(-2);
  return (last?.at ?? 0) - (before?.at ?? 0);
}

/** A world whose first renewal is answered like this. */
async function worldWith(run: RowRun, options: object, answer: () => FrontAnswer): Promise<World> {
  return run.world({
    ...options,
    prepare: ({ front }) => void (front.answer = (request) => (request === 1 ? answer() : undefined)),
  });
}

describe('an authorization server', () => {
  row('F1', async (run) => {
    const world = await run.world({ ...RENEWED_OFTEN });
    const { sha256 } = world.document;
    await world.proxy.set('refuse');
    await world.acquirer.logged('token-request-failed', 3);
    const after = world.document;
    await world.goOn(1000);
    expect(world.document.sha256).toBe(after.sha256);
    expect(await world.isReady()).toBe(true);
    expect((await world.report()).last_error).toMatchObject({ code: 'unreachable' });
    await world.proxy.set('pass');
    await world.renewed(sha256);
    await world.renewed(after.sha256);
    await world.calls.succeed(20);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F2', async (run) => {
    const world = await run.world({ lifetime: 3 });
    await world.proxy.set('refuse');
    const expired = async (): Promise<boolean> => (await world.condition('Ready'))?.reason === 'TokenExpired';
    await until('The expiry', expired, 30_000);
    expect(await world.isReady()).toBe(true);
    const { last_error: error } = await world.report();
    // The first request may have been in flight.
    const message = expect.stringMatching(/ECONNREFUSED|ECONNRESET/) as string;
    expect(error).toMatchObject({ code: 'unreachable', message });
    expect(await world.acquirer.metrics()).toMatch(/token_acquirer_token_seconds_to_expiry\{.*\} -/);
    await until('A failed call', () => world.calls.figures.failed > 0, 10_000);
    await world.proxy.set('pass');
    const returned = performance.now();
    await until('A new token', async () => (await world.report()).state === 'Valid', 60_000);
    // A retry interval is at most a few seconds here; the rest is for a busy machine.
    expect(performance.now() - returned).toBeLessThan(30_000);
    await world.calls.succeed(20);
    expect((await world.condition('Ready'))?.status).toBe('True');
  });

  row('F4', async (run) => {
    const retryAfter = (value: string): FrontAnswer => ({ status: 429, headers: { 'retry-after': value } });
    const inSeconds = async (): Promise<void> => {
      const world = await worldWith(run, RENEWED_OFTEN, () => retryAfter('3'));
      await until('The retry', () => world.front.requests.length === 3, 30_000);
      expect(lastGap(world)).toBeGreaterThan(2900);
      expect(world.calls.figures.failed).toBe(0);
    };
    const asDate = async (): Promise<void> => {
      const inFour = (): string => new Date(Date.now() + 4000).toUTCString();
      const world = await worldWith(run, RENEWED_OFTEN, () => retryAfter(inFour()));
      await until('The retry', () => world.front.requests.length === 3, 30_000);
      expect(lastGap(world)).toBeGreaterThan(2000);
      expect(world.calls.figures.failed).toBe(0);
    };
    const ofAYear = async (): Promise<void> => {
      const world = await worldWith(run, { lifetime: 6 }, () => retryAfter('31536000'));
      const { expires_at: expiry } = world.document;
      await until('The retry', () => world.front.requests.length === 3, 60_000);
      expect(Date.now()).toBeLessThan(Date.parse(expiry) + 20_000);
      await world.calls.succeed(20);
    };
    await Promise.all([inSeconds(), asDate(), ofAYear()]);
  });

  row('F5', async (run) => {
    const statuses = [500, 502, 503, 504];
    const world = await run.world({
      ...RENEWED_OFTEN,
      prepare: ({ front }) => {
        front.answer = (request) => {
          const status = statuses[request - 1];
          return status === undefined ? undefined : { status };
        };
      },
    });
    await world.acquirer.logged('token-issued', 2, 40_000);
    const times = world.front.requests.slice(1, 6).map(({ at }) => at);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(A_SECOND);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F6', async (run) => {
    const world = await run.world({ ...RENEWED_OFTEN });
    const { workplace, passwords } = world.stage;
    workplace.credential('dynamics', { client_secret: secret('wrong-secret') });
    const failed = await world.acquirer.logged('token-request-failed');
    expect(failed).toMatchObject({ code: 'invalid_client' });
    expect(Number(failed['retry_in_ms'])).toBeGreaterThanOrEqual(30_000);
    const { length } = world.front.requests;
    const { sha256 } = world.document;
    await world.goOn(3000);
    expect(world.front.requests).toHaveLength(length);
    expect(world.document.sha256).toBe(sha256);
    expect(await world.condition('Renewed')).toMatchObject({ status: 'False', reason: 'InvalidClient' });
    workplace.credential('dynamics', { client_secret: passwords.client });
    await world.renewed(sha256, 10_000);
    expect(world.calls.figures.failed).toBe(0);
  });

  row('F34', async (run) => {
    const plain = async (): Promise<void> => {
      const world = await run.world({ ...RENEWED_OFTEN });
      for (const [count, mode] of (['half-close', 'reset'] as const).entries()) {
        await world.proxy.set(mode);
        const failed = await world.acquirer.logged('token-request-failed', count + 1);
        expect(failed).toMatchObject({ code: 'unreachable' });
        const { sha256 } = world.document;
        await world.proxy.set('pass');
        await world.renewed(sha256);
      }
      expect(world.calls.figures.failed).toBe(0);
    };
    const rotating = async (): Promise<void> => {
      const world = await run.world({
        ...RENEWED_OFTEN,
        grant: 'refresh_token',
        prepare: async ({ stage }) =>
          void stage.workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() }),
      });
      await world.proxy.set('half-close');
      await world.acquirer.logged('token-request-failed');
      await world.proxy.set('pass');
      await pause(5000);
      const sent = world.proxy.requests.flatMap((request) => [...request.matchAll(/refresh_token=([^&\s]+)/g)]);
      const tokens = sent.map(([, token]) => token);
      expect(tokens.length).toBeGreaterThan(1);
      expect(new Set(tokens).size).toBe(tokens.length);
      expect(world.calls.figures.failed).toBe(0);
    };
    await Promise.all([plain(), rotating()]);
  });
});
