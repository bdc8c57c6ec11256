import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import { type TokenDocument, toVolumeData } from '../../src/core/token-volume.ts';
import { newToken, startScriptedTokenServer } from '../support/scripted-token-server.ts';
import { buildToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';
import { stages } from './stage.ts';

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
  it('are all renewed before any expires where they are due together after a restart', async () => {
    const stage = await open();
    const { workplace } = stage;
    const names = Array.from({ length: 2000 }, (_, index) => `tokens-${index}`);
    const server = await startScriptedTokenServer(() => ({ body: newToken(600) }));
    stops.push(() => server.stop());
    const store = createDirectoryTokenStore(workplace.tokens);
    // Due since half a second, and good for a minute: what the machine needs to write 2,000 tokens is in there twice.
    const now = Date.now();
    const times = { issuedAt: now - 121_100, renewAt: now - 500, expiresAt: now + 58_900 };
    for (const name of names) {
      await store.write({ namespace: 'billing', secret: name }, toVolumeData('dynamics', buildToken(times)));
    }
    const reachedBy = { tokenEndpoint: server.url };
    workplace.configure(stage.configuration({ secrets: names, reachedBy, more: { reissue: undefined } }));
    const running = stage.acquirer();
    await running.logged('configuration-loaded');
    await until('The last token', () => running.count('token-issued') === names.length, 60_000);
    expect(Date.now()).toBeLessThan(times.expiresAt);
    const documents = names.map((name) => documentIn(workplace.volume(name)));
    expect(Math.min(...documents.map(({ expires_at: expires }) => Date.parse(expires)))).toBeGreaterThan(
      times.expiresAt,
    );
    expect(server.times).toHaveLength(names.length);
    for (const kind of ['token-request-failed', 'token-rescheduled', 'cycle-failed'])
      expect(running.count(kind)).toBe(0);
  });
});
