import { appendFileSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import { stages } from './stage.ts';

const { open, closeAll } = stages();
afterAll(closeAll);

function documentIn(volume: string): TokenDocument {
  return JSON.parse(readFileSync(join(volume, 'dynamics.json'), 'utf8')) as TokenDocument;
}

describe('the store', () => {
  it('is repaired within half a minute where others tamper with it, and no token is asked for', {
    timeout: 60_000,
  }, async () => {
    const names = ['emptied', 'edited', 'removed', 'blocked', 'left-alone'];
    const { acquirer, workplace, server } = await open({ lifetime: 3600, secrets: names });
    const [emptied, edited, removed, blocked, leftAlone] = names.map((name) => workplace.volume(name)) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const running = acquirer();
    await running.logged('token-issued', names.length);
    const before = names.map((name) => documentIn(workplace.volume(name)).sha256);
    const state = readlinkSync(join(leftAlone, '..data'));
    // Until it has looked at what it wrote.
    await pause(1500);
    for (const key of ['dynamics', 'dynamics.json']) rmSync(join(emptied, key));
    appendFileSync(join(edited, 'dynamics'), 'tampered with');
    for (const [index, volume] of [removed, blocked].entries()) renameSync(volume, join(workplace.root, `${index}`));
    writeFileSync(blocked, 'a file in the way');
    await running.logged('token-repaired', 3, 50_000);
    await running.logged('store-failed', 1, 50_000);
    for (const [index, name] of names.entries()) {
      if (name !== 'blocked') expect(documentIn(workplace.volume(name)).sha256).toBe(before[index]);
    }
    expect(readFileSync(join(edited, 'dynamics'), 'utf8')).toBe(documentIn(edited).access_token);
    expect(readlinkSync(join(leftAlone, '..data'))).toBe(state);
    const states = (await running.status()).tokens.map(({ token, state: shown }) => [token.split('/')[1], shown]);
    expect(Object.fromEntries(states)).toMatchObject({ blocked: 'NotStored', emptied: 'Valid', 'left-alone': 'Valid' });
    expect(server.counts.tokenRequests).toBe(names.length);
  });
});
