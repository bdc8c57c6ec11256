import { describe, expect, it } from 'vitest';
import { SharedCall } from '../../../src/adapters/kubernetes/secrets/shared-call.ts';

function start() {
  const ends: ((value: number) => void)[] = [];
  const call = new SharedCall(() => new Promise<number>((resolve) => ends.push(resolve)));
  return { call, ends, settle: () => new Promise((resolve) => setImmediate(resolve)) };
}

describe('a shared call', () => {
  it('serves all who ask before it begins, and the next one those who ask later', async () => {
    const { call, ends, settle } = start();
    const first = [call.next(), call.next()];
    await settle();
    const later = [call.next(), call.next(), call.current()];
    await settle();
    expect(ends).toHaveLength(1);
    ends[0]?.(1);
    await settle();
    ends[1]?.(2);
    expect(await Promise.all([...first, ...later])).toEqual([1, 1, 2, 2, 1]);
    expect(ends).toHaveLength(2);
  });

  it('begins anew after an error', async () => {
    let calls = 0;
    const call = new SharedCall(() => {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error('once')) : Promise.resolve(calls);
    });
    await expect(call.next()).rejects.toThrow('once');
    expect(await call.current()).toBe(2);
  });
});
