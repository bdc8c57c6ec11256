import { describe, expect, it } from 'vitest';
import { createFakeClock } from './fake-clock.ts';
import { fakeRandom } from './fake-random.ts';

describe('the fake clock', () => {
  it('stands still until it is moved', async () => {
    const clock = createFakeClock({ now: 1000 });
    await clock.settle();
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0]);
    await clock.advance(50);
    expect([clock.now(), clock.monotonic()]).toEqual([1050, 50]);
  });

  it('can move its wall clock only', () => {
    const clock = createFakeClock({ now: 1000 });
    clock.jumpWall(3_600_000);
    clock.jumpWall(-600_000);
    expect([clock.now(), clock.monotonic()]).toEqual([3_001_000, 0]);
  });

  it('wakes waiting callers in order, each at its time', async () => {
    const clock = createFakeClock({ now: 0 });
    const woken: [string, number][] = [];
    const wait = async (name: string, delay: number): Promise<void> => {
      await clock.wait(delay);
      woken.push([name, clock.monotonic()]);
    };
    void wait('last', 300);
    void wait('first', 100);
    void wait('also first', 100);
    await clock.advance(99);
    expect([woken, clock.waiting()]).toEqual([[], 3]);
    await clock.advance(500);
    expect(woken).toEqual([
      ['first', 100],
      ['also first', 100],
      ['last', 300],
    ]);
    expect(clock.waiting()).toBe(0);
  });

  it('also wakes callers that began to wait on the way', async () => {
    const clock = createFakeClock();
    const at: number[] = [];
    void (async () => {
      for (;;) {
        await clock.wait(10);
        at.push(clock.monotonic());
      }
    })();
    await clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
  });

  it('ends a wait with its signal', async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const waiting = clock.wait(1000, stop.signal);
    stop.abort();
    await waiting;
    await clock.wait(1000, stop.signal);
    expect([clock.monotonic(), clock.waiting()]).toEqual([0, 0]);
  });

  it('ends a wait of no time on the next move', async () => {
    const clock = createFakeClock();
    const waiting = clock.wait(0);
    await clock.advance(0);
    await waiting;
    expect(clock.monotonic()).toBe(0);
  });
});

describe('the fake random numbers', () => {
  it.each<[string, number | readonly number[] | undefined, readonly number[]]>([
    ['are zero', undefined, [0, 0, 0]],
    ['are one number', 0.5, [0.5, 0.5, 0.5]],
    ['are the given numbers in turn', [0.1, 0.9], [0.1, 0.9, 0.1]],
  ])('%s', (_, fractions, drawn) => {
    const random = fakeRandom(fractions);
    expect([random.fraction(), random.fraction(), random.fraction()]).toEqual(drawn);
  });
});
