import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import { type TokenDocument, toVolumeData } from '../../src/core/token-volume.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { newToken, startScriptedTokenServer } from '../support/scripted-token-server.ts';
import { buildToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';
import { stages } from './stage.ts';

/** Ten times what a quiet machine takes. */
const LATEST = 240_000;
/** How long the authorization server takes. */
const ANSWER = 200;
/** Token requests in flight together at one server. */
const TOGETHER = 20;

vi.setConfig({ testTimeout: 120_000 });

const { open, closeAll } = stages();
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await closeAll();
  await Promise.all(stops.map((stop) => stop()));
});

function documentIn(volume: string): TokenDocument {
  return JSON.parse(readFileSync(join(volume, 'dynamics.json'), 'utf8')) as TokenDocument;
}

describe('2,000 tokens', () => {
  it('are all renewed before any expires where they are due together after a restart', {
    timeout: LATEST + 60_000,
  }, async () => {
    const stage = await open();
    const { workplace } = stage;
    const names = Array.from({ length: 2000 }, (_, index) => `tokens-${index}`);
    const server = await startScriptedTokenServer(() => ({ body: newToken(600) }));
    stops.push(() => server.stop());
    const store = createDirectoryTokenStore(workplace.tokens);
    // Due since half a second, after 67 % of their lifetime, as the rule has it.
    const now = Date.now();
    const times = { issuedAt: now - 482_900, renewAt: now - 500, expiresAt: now + 237_100 };
    for (const name of names) {
      await store.write({ namespace: 'billing', secret: name }, toVolumeData('dynamics', buildToken(times)));
    }
    const reachedBy = { tokenEndpoint: server.url };
    workplace.configure(stage.configuration({ secrets: names, reachedBy, more: { reissue: undefined } }));
    const running = stage.acquirer();
    await running.logged('configuration-loaded');
    await until('The last token', () => running.count('token-issued') === names.length, LATEST);
    expect(Date.now()).toBeLessThan(times.expiresAt);
    const documents = names.map((name) => documentIn(workplace.volume(name)));
    expect(Math.min(...documents.map(({ expires_at: expires }) => Date.parse(expires)))).toBeGreaterThan(
      times.expiresAt,
    );
    // On a very busy machine an answer may come too late, and is then counted as failed and requested again.
    const failed = running.count('token-request-failed');
    expect(failed).toBeLessThan(names.length / 50);
    expect(server.times.length).toBeGreaterThanOrEqual(names.length);
    expect(server.times.length).toBeLessThanOrEqual(names.length + failed);
    for (const kind of ['token-rescheduled', 'cycle-failed']) expect(running.count(kind)).toBe(0);
  });
});

describe('1,000 tokens that are due together', () => {
  it('are renewed in the order in which they expire, over a few connections', {
    timeout: LATEST + 60_000,
  }, async () => {
    const stage = await open();
    const { workplace } = stage;
    const count = 1000;
    const arrived: number[] = [];
    const server = await startHttpServer((request, response) => {
      void text(request).then(async (body) => {
        arrived.push(Number(new URLSearchParams(body).get('scope')));
        // Slower than tokens are read, so that they wait for their turn.
        await pause(ANSWER);
        response.setHeader('content-type', 'application/json').end(JSON.stringify(newToken(600)));
      });
    });
    stops.push(() => server.stop());
    const store = createDirectoryTokenStore(workplace.tokens);
    const now = Date.now();
    // The first in the configuration expires last, so only the order of expiry explains the order of requests.
    const place = (index: number): number => count - 1 - index;
    const names = Array.from({ length: count }, (_, index) => `tokens-${index}`);
    for (const [index, name] of names.entries()) {
      // Due by the renewal rule, too: more than 67 % of each lifetime is over.
      const times = { issuedAt: now - 3 * LATEST, renewAt: now - 500, expiresAt: now + LATEST + 100 * place(index) };
      await store.write({ namespace: 'billing', secret: name }, toVolumeData('dynamics', buildToken(times)));
    }
    const configuration = stage.configuration({
      secrets: names,
      reachedBy: { tokenEndpoint: `${server.url}/token` },
      more: { reissue: undefined },
    }) as { tokens: object[] };
    workplace.configure({
      ...configuration,
      tokens: configuration.tokens.map((token, index) => ({ ...token, scope: String(place(index)) })),
    });
    const running = stage.acquirer();
    await running.logged('configuration-loaded', 1, LATEST);
    await until('The last token', () => running.count('token-issued') === count, LATEST);
    expect(Date.now()).toBeLessThan(now + LATEST);
    expect(arrived).toHaveLength(count);
    // Tokens ask while others are still being read. From then on the order is that of expiry, except that those which are
    // under way together may arrive in any order.
    const later = arrived.slice(count / 2);
    const places = new Map(later.toSorted((one, other) => one - other).map((token, index) => [token, index]));
    const displacements = later.map((token, index) => Math.abs(index - (places.get(token) ?? Number.NaN)));
    // More than those on a busy machine, where a request waits for its connection. Any order would give about 400.
    expect(Math.max(...displacements)).toBeLessThanOrEqual(5 * TOGETHER);
    expect(server.connections.opened).toBeLessThan(count / 5);
  });
});
