import { describe, expect, it } from 'vitest';
import { createDigestCache, type DigestCache } from '../../../src/adapters/kubernetes/callers/digest-cache.ts';
import { createFakeClock, type FakeClock } from '../../fakes/fake-clock.ts';

const LIFETIME = 10_000;

function start(entries = 3) {
  const clock = createFakeClock();
  return { clock, cache: createDigestCache<string>({ clock, lifetime: LIFETIME, entries }) };
}

function keep(cache: DigestCache<string>, clock: FakeClock, digest: string, left = 60_000): void {
  const askedAt = { wall: clock.now(), monotonic: clock.monotonic() };
  cache.set(digest, `answer ${digest}`, { askedAt, end: clock.now() + left });
}

describe('the digest cache', () => {
  it('returns its entries, and nothing else', () => {
    const { cache, clock } = start();
    keep(cache, clock, 'one');
    expect([cache.get('one'), cache.get('other')]).toEqual(['answer one', undefined]);
  });

  it.each<{ name: string; left?: number; pass: (clock: FakeClock) => unknown; kept: boolean }>([
    { name: 'keeps an answer for nearly its lifetime', pass: (clock) => clock.advance(LIFETIME - 1), kept: true },
    { name: 'drops an answer after its lifetime', pass: (clock) => clock.advance(LIFETIME), kept: false },
    {
      name: 'drops an answer at its own earlier end',
      left: 3000,
      pass: (clock) => clock.advance(3000),
      kept: false,
    },
    { name: 'keeps an answer until its own end', left: 3000, pass: (clock) => clock.advance(2999), kept: true },
    {
      name: 'drops an answer when the wall clock jumps beyond its end',
      pass: (clock) => clock.jumpWall(LIFETIME),
      kept: false,
    },
    { name: 'keeps an answer when the wall clock is set back', pass: (clock) => clock.jumpWall(-60_000), kept: true },
    {
      name: 'drops an answer after its lifetime though the wall clock was set back',
      pass: (clock) => {
        clock.jumpWall(-60_000);
        return clock.advance(LIFETIME);
      },
      kept: false,
    },
    { name: 'drops an answer that had ended already', left: 0, pass: () => undefined, kept: false },
  ])('$name', async ({ left, pass, kept }) => {
    const { cache, clock } = start();
    keep(cache, clock, 'one', left);
    await pass(clock);
    expect(cache.get('one')).toBe(kept ? 'answer one' : undefined);
  });

  it('counts the lifetime from the question, not from the answer', async () => {
    const { cache, clock } = start();
    const askedAt = { wall: clock.now(), monotonic: clock.monotonic() };
    await clock.advance(LIFETIME - 1000);
    cache.set('one', 'late', { askedAt, end: clock.now() + 60_000 });
    expect(cache.get('one')).toBe('late');
    await clock.advance(1000);
    expect(cache.get('one')).toBeUndefined();
  });

  it('drops the oldest answer when it is full', () => {
    const { cache, clock } = start(3);
    for (const digest of ['one', 'two', 'three', 'four']) keep(cache, clock, digest);
    expect(['one', 'two', 'three', 'four'].map((digest) => cache.get(digest) !== undefined)).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it('treats a replaced answer as the newest', () => {
    const { cache, clock } = start(2);
    for (const digest of ['one', 'two', 'one', 'three']) keep(cache, clock, digest);
    expect(['one', 'two', 'three'].map((digest) => cache.get(digest) !== undefined)).toEqual([true, false, true]);
  });
});
