import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createSystemRandom } from '../../src/adapters/node/system-random.ts';

const ADAPTERS = join(import.meta.dirname, '../../src/adapters/node');
const clock = createSystemClock();

async function took(wait: Promise<void>): Promise<number> {
  const started = performance.now();
  await wait;
  return performance.now() - started;
}

describe('the clock of the system', () => {
  it('shows the time of day, and a time that only rises', () => {
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1000);
    const before = clock.monotonic();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(before);
  });

  it.each([0, -5, 30])('waits for %d ms', async (delay) => {
    const time = await took(clock.wait(delay));
    expect(time).toBeGreaterThanOrEqual(Math.max(0, delay) - 2);
    expect(time).toBeLessThan(1000 + 10 * delay);
  });

  it('ends a wait with its signal, and immediately ends a later wait', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    expect(await took(clock.wait(60_000, stop.signal))).toBeLessThan(1000);
    expect(await took(clock.wait(60_000, stop.signal))).toBeLessThan(1000);
  });

  it('waits longer than one timer of Node', async () => {
    const stop = new AbortController();
    let over = false;
    const waiting = clock.wait(2 ** 31 * 10, stop.signal).then(() => {
      over = true;
    });
    // Node would end such a timer after 1 ms.
    await clock.wait(50);
    expect(over).toBe(false);
    stop.abort();
    await waiting;
  });

  it('does not keep the process alive', async () => {
    const program = `
      import { createSystemClock } from ${JSON.stringify(join(ADAPTERS, 'system-clock.ts'))};
      void createSystemClock().wait(60_000);
    `;
    const ended = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      timeout: 15_000,
    });
    await expect(ended).resolves.toBeDefined();
  });
});

describe('the random numbers of the system', () => {
  it('is a number in [0, 1), and not always the same', () => {
    const random = createSystemRandom();
    const drawn = Array.from({ length: 1000 }, () => random.fraction());
    expect(drawn.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(900);
  });
});
