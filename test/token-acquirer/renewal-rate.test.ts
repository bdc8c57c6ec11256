import { describe, expect, it } from 'vitest';
import { renewalTime } from '../../src/core/renewal.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { evenFractions } from '../fakes/fake-random.ts';
import { createWorld, minutes, seconds, specification, start } from '../support/acquirer.ts';
import { tokensFor } from '../support/endless-tokens.ts';
import { buildToken } from '../support/tokens.ts';

const HOUR = minutes(60);
const DAY = 24 * HOUR;

describe('the token requests of a day', () => {
  it.each<[string, number, number]>([
    ['24 h, 10 min', DAY, minutes(10)],
    ['24 h, 1 min', DAY, minutes(1)],
    ['30 days, 1 h', 30 * DAY, HOUR],
    ['30 days, 10 min', 30 * DAY, minutes(10)],
    ['a year, 1 h', 365 * DAY, HOUR],
    ['1 h, 1 min', HOUR, minutes(1)],
    ['1 h, 10 min', HOUR, minutes(10)],
    ['1 h, 50 min', HOUR, minutes(50)],
    ['1 h, 2 h, of which 90 % of the lifetime counts', HOUR, minutes(120)],
    ['15 min, 30 s', minutes(15), seconds(30)],
    ['5 min, 1 min', minutes(5), minutes(1)],
  ])('are 0.95 to 1.05 of those asked for: %s', { timeout: 60_000 }, async (_sentence, lifetime, interval) => {
    const world = createWorld({ endpoint: tokensFor(lifetime) });
    const specifications = [specification({ renewal: { interval } })];
    const { clock, endpoint, acquirer } = await start(world, { specifications, random: evenFractions() });
    // There are so many that the first and the last one do not matter.
    const days = Math.max(1, (100 * interval) / DAY);
    const before = endpoint.requests.length;
    await clock.advance(days * DAY);
    const asked = (days * DAY) / Math.min(interval, 0.9 * lifetime);
    const ratio = (endpoint.requests.length - before) / asked;
    expect(ratio).toBeGreaterThanOrEqual(0.95);
    expect(ratio).toBeLessThanOrEqual(1.05);
    await acquirer.stop();
  });
});

describe('a token that version 0.1.0 stored', () => {
  const interval = minutes(10);

  it.each<[string, number, number]>([
    ['by an interval', HOUR, minutes(7)],
    ['by an interval that was short compared with the lifetime', DAY, minutes(2)],
  ])('and scheduled %s keeps its time of renewal: no write and no request at the start', async (_s, life, after) => {
    const world = createWorld({ endpoint: tokensFor(life) });
    const issuedAt = world.clock.now();
    const old = buildToken({ issuedAt, renewAt: issuedAt + after, expiresAt: issuedAt + life });
    world.store.edit(specification().identity, toVolumeData('dynamics', old));
    const { clock, endpoint, store, stored } = await start(world, {
      specifications: [specification({ renewal: { interval } })],
      jitter: 0.3,
    });
    await clock.advance(after - seconds(1));
    expect(endpoint.requests).toHaveLength(0);
    expect(store.writes).toHaveLength(0);
    await clock.advance(seconds(2));
    expect(endpoint.requests).toHaveLength(1);
    const next = stored();
    expect(next?.renewAt).toBe(renewalTime(next?.issuedAt ?? 0, next?.expiresAt ?? 0, { interval }, 0.3));
  });

  it('follows an interval that is changed afterwards', async () => {
    const world = createWorld({ endpoint: tokensFor(DAY) });
    const issuedAt = world.clock.now();
    const old = buildToken({ issuedAt, renewAt: issuedAt + minutes(2), expiresAt: issuedAt + DAY });
    world.store.edit(specification().identity, toVolumeData('dynamics', old));
    const { clock, credentials, stored } = await start(world, {
      specifications: [specification({ renewal: { interval } })],
    });
    credentials.setInterval('dynamics', HOUR);
    await clock.settle();
    expect(stored()?.renewAt).toBe(issuedAt + 0.95 * HOUR);
  });
});
