import { describe, expect, it } from 'vitest';
import { ReadingBudget } from '../../../src/adapters/kubernetes/pods/reading-budget.ts';
import { createFakeClock } from '../../fakes/fake-clock.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = 64 * KIB;

/** Reads one chunk after the other, as a log does that is always ahead. */
function loud(budget: ReadingBudget, reader = { spent: 0 }) {
  const read = { bytes: 0 };
  const go = async (): Promise<void> => {
    for (;;) await budget.spend(reader, CHUNK, () => void (read.bytes += CHUNK));
  };
  void go();
  return read;
}

describe('the budget for reading logs', () => {
  it('is 8 MiB a second for all of them together', async () => {
    const clock = createFakeClock();
    const budget = new ReadingBudget(clock);
    const logs = Array.from({ length: 20 }, () => loud(budget));
    await clock.advance(2000);
    const bytes = logs.reduce((sum, log) => sum + log.bytes, 0);
    expect(bytes).toBeGreaterThan(15 * MIB);
    expect(bytes).toBeLessThan(18 * MIB);
  });

  it('is shared by client apps, not by their logs', async () => {
    const clock = createFakeClock();
    const budget = new ReadingBudget(clock);
    const app = { spent: 0 };
    const many = Array.from({ length: 19 }, () => loud(budget, app));
    const one = loud(budget);
    await clock.advance(2000);
    const bytes = many.reduce((sum, log) => sum + log.bytes, 0);
    expect(one.bytes / bytes).toBeGreaterThan(0.8);
    expect(one.bytes / bytes).toBeLessThan(1.25);
  });

  it('has a quiet client app read soon, however loud another one is', async () => {
    const clock = createFakeClock();
    const budget = new ReadingBudget(clock);
    const app = { spent: 0 };
    for (let count = 0; count < 20; count += 1) loud(budget, app);
    await clock.advance(5000);
    let isRead = false;
    void budget.spend({ spent: 0 }, 100, () => (isRead = true));
    await clock.advance(50);
    expect(isRead).toBe(true);
  });

  it('is 100 ms a second of time, where lines are slow to read', async () => {
    const fake = createFakeClock();
    let worked = 0;
    const clock = { ...fake, monotonic: () => fake.monotonic() + worked };
    const budget = new ReadingBudget(clock);
    const go = async (): Promise<void> => {
      for (;;) await budget.spend({ spent: 0 }, 1, () => void (worked += 5));
    };
    void go();
    await fake.advance(2000);
    expect(worked).toBeGreaterThan(150);
    expect(worked).toBeLessThan(250);
  });

  it('goes on after an error of one log', async () => {
    const budget = new ReadingBudget(createFakeClock());
    const failing = budget.spend({ spent: 0 }, 1, () => {
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    expect(await budget.spend({ spent: 0 }, 1, () => undefined)).toBe(false);
  });
});
