import { describe, expect, it } from 'vitest';
import { sharedAnswer } from '../../src/token-acquirer/endpoints/shared-answer.ts';

/** Makes an answer that takes this long. `makes` counts how often it was made. */
function shared(takes: number) {
  const place = { now: 0, makes: 0, fails: false };
  const answer = sharedAnswer({ monotonic: () => place.now }, async () => {
    place.makes += 1;
    const number = place.makes;
    await Promise.resolve();
    place.now += takes;
    if (place.fails) throw new Error('No answer.');
    return number;
  });
  return { place, answer };
}

describe('a shared answer', () => {
  it('is made once for concurrent callers', async () => {
    const { answer, place } = shared(100);
    expect(await Promise.all(Array.from({ length: 1000 }, () => answer()))).toEqual(Array<number>(1000).fill(1));
    expect(place.makes).toBe(1);
  });

  it('takes at most a tenth of the time, however often it is requested', async () => {
    const { answer, place } = shared(100);
    while (place.now < 10_000) {
      await answer();
      place.now += 1;
    }
    expect(place.makes).toBeGreaterThanOrEqual(10);
    expect(place.makes).toBeLessThanOrEqual(11);
  });

  it('is made again for each caller if that takes no time', async () => {
    const { answer, place } = shared(0);
    for (let call = 1; call <= 5; call += 1) {
      expect(await answer()).toBe(call);
    }
    expect(place.makes).toBe(5);
  });

  it('is made again after a failure', async () => {
    const { answer, place } = shared(100);
    place.fails = true;
    await expect(answer()).rejects.toThrow('No answer.');
    place.fails = false;
    expect(await answer()).toBe(2);
  });
});
