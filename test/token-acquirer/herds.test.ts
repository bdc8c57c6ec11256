import { describe, expect, it } from 'vitest';
import { createWorld, seconds, specification, start } from '../support/acquirer.ts';

/** Lets `free` cycles begin, and the others one by one, when the test says so. */
class ManualPace {
  free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.free = free;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  begin(): Promise<void> | undefined {
    if (this.free > 0) {
      this.free -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  next(): void {
    this.#waiting.shift()?.();
  }
}

const names = ['one', 'two', 'three'];
const specifications = names.map((name) =>
  specification({ identity: { namespace: 'billing', secret: `${name}-tokens`, name } }),
);

describe('tokens that are looked at in one moment', () => {
  it('wait for the pace, each before its turn', async () => {
    const pace = new ManualPace(1);
    const { clock, endpoint, acquirer } = await start(createWorld({ pace }), { specifications });
    expect([endpoint.requests.length, pace.waiting]).toEqual([1, 2]);
    pace.next();
    await clock.settle();
    expect(endpoint.requests).toHaveLength(2);
    pace.next();
    await clock.settle();
    expect(endpoint.requests).toHaveLength(3);
    pace.free = 1000;
    await acquirer.stop();
  });

  it('wait for it once, however often they are woken in the meantime', async () => {
    const pace = new ManualPace(3);
    const { clock, acquirer } = await start(createWorld({ pace }), { specifications });
    for (let count = 0; count < 5; count += 1) {
      acquirer.wake();
      await clock.settle();
    }
    expect(pace.waiting).toBe(3);
    pace.free = 1000;
    while (pace.waiting > 0) pace.next();
    await acquirer.stop();
  });

  it('take no turn any more where the process stops before it', async () => {
    const pace = new ManualPace(2);
    const { clock, endpoint, acquirer } = await start(createWorld({ pace }), { specifications });
    const stopped = acquirer.stop();
    pace.next();
    await stopped;
    await clock.advance(seconds(60));
    expect(endpoint.requests).toHaveLength(2);
  });
});
