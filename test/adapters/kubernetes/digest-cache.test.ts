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

describe('answers by digest', () => {
  it('gives what it was given, and nothing else', () => {
    const { cache, clock } = start();
    keep(cache, clock, 'one');
    expect([cache.get('one'), cache.get('other')]).toEqual(['answer one', undefined]);
  });

  it.each<{ name: string; left?: number; pass: (clock: FakeClock) => unknown; kept: boolean }>([
    { name: 'is kept for nearly its lifetime', pass: (clock) => clock.advance(LIFETIME - 1), kept: true },
    { name: 'is gone after its lifetime', pass: (clock) => clock.advance(LIFETIME), kept: false },
    {
      name: 'is gone at its own end, which comes first',
      left: 3000,
      pass: (clock) => clock.advance(3000),
      kept: false,
    },
    { name: 'is kept until its own end', left: 3000, pass: (clock) => clock.advance(2999), kept: true },
    { name: 'is gone when the wall clock jumps beyond', pass: (clock) => clock.jumpWall(LIFETIME), kept: false },
    { name: 'is kept when the wall clock is set back', pass: (clock) => clock.jumpWall(-60_000), kept: true },
    {
      name: 'is gone after its lifetime although the wall clock was set back',
      pass: (clock) => {
        clock.jumpWall(-60_000);
        return clock.advance(LIFETIME);
      },
      kept: false,
    },
    { name: 'was past its end already', left: 0, pass: () => undefined, kept: false },
  ])('an answer $name', async ({ left, pass, kept }) => {
    const { cache, clock } = start();
    keep(cache, clock, 'one', left);
    await pass(clock);
    expect(cache.get('one')).toBe(kept ? 'answer one' : undefined);
  });

  it('counts the lifetime from when it was asked, not from when it was answered', async () => {
    const { cache, clock } = start();
    const askedAt = { wall: clock.now(), monotonic: clock.monotonic() };
    await clock.advance(LIFETIME - 1000);
    cache.set('one', 'late', { askedAt, end: clock.now() + 60_000 });
    expect(cache.get('one')).toBe('late');
    await clock.advance(1000);
    expect(cache.get('one')).toBeUndefined();
  });

  it('lets the oldest go when it is full', () => {
    const { cache, clock } = start(3);
    for (const digest of ['one', 'two', 'three', 'four']) keep(cache, clock, digest);
    expect(['one', 'two', 'three', 'four'].map((digest) => cache.get(digest) !== undefined)).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it('takes what is set anew for the youngest', () => {
    const { cache, clock } = start(2);
    for (const digest of ['one', 'two', 'one', 'three']) keep(cache, clock, digest);
    expect(['one', 'two', 'three'].map((digest) => cache.get(digest) !== undefined)).toEqual([true, false, true]);
  });
});
