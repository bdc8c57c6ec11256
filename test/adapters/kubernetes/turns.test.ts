import { describe, expect, it } from 'vitest';
import { createTurns } from '../../../src/adapters/kubernetes/api/turns.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { createFakeClock } from '../../fakes/fake-clock.ts';
import { failure } from '../../support/failure.ts';

function start() {
  const clock = createFakeClock();
  const turns = createTurns(2, { clock, waiting: 3, patience: 1000 });
  const running: (() => void)[] = [];
  const task = (): Promise<string> => new Promise((resolve) => running.push(() => resolve('done')));
  const finish = async (): Promise<void> => {
    running.shift()?.();
    await clock.settle();
  };
  return { clock, turns, running, task, finish };
}

describe('turns', () => {
  it('run a fixed number of tasks together, and the next when one is done', async () => {
    const { clock, turns, running, task, finish } = start();
    const all = [1, 2, 3, 4].map(() => turns.run(task));
    await clock.settle();
    expect(running).toHaveLength(2);
    await finish();
    expect(running).toHaveLength(2);
    for (let left = 3; left > 0; left -= 1) await finish();
    expect(await Promise.all(all)).toEqual(['done', 'done', 'done', 'done']);
    expect(clock.waiting()).toBe(0);
  });

  it('reject a task immediately when too many wait', async () => {
    const { turns, task, finish } = start();
    const all = Array.from({ length: 5 }, () => turns.run(task));
    const refused = await failure(turns.run(task));
    expect(refused).toBeInstanceOf(StoreError);
    expect(String(refused)).toContain('Too many callers');
    for (let left = all.length; left > 0; left -= 1) await finish();
    await Promise.all(all);
  });

  it('reject a task that has waited too long, and continue with the others', async () => {
    const { clock, turns, running, task, finish } = start();
    const first = [turns.run(task), turns.run(task)];
    const late = failure(turns.run(task));
    await clock.advance(600);
    const other = turns.run(task);
    await clock.advance(400);
    expect(await late).toBeInstanceOf(StoreError);
    await finish();
    expect(running).toHaveLength(2);
    await finish();
    await finish();
    expect(await Promise.all([...first, other])).toEqual(['done', 'done', 'done']);
  });

  it('free the turn when a task fails', async () => {
    const { turns } = start();
    for (let count = 0; count < 10; count += 1) {
      const failed = await failure(turns.run(() => Promise.reject(new Error('failed'))));
      expect(failed).toEqual(new Error('failed'));
    }
    expect(await turns.run(() => Promise.resolve(1))).toBe(1);
  });

  it('fail for all that wait when they are dismissed, and continue', async () => {
    const { clock, turns, running, task, finish } = start();
    const first = [turns.run(task), turns.run(task)];
    const waiting = [failure(turns.run(task)), failure(turns.run(task))];
    await clock.settle();
    turns.dismiss(new Error('unavailable'));
    expect((await Promise.all(waiting)).map(String)).toEqual(['Error: unavailable', 'Error: unavailable']);
    await finish();
    await finish();
    await Promise.all(first);
    const last = turns.run(task);
    await clock.settle();
    expect(running).toHaveLength(1);
    await finish();
    expect(await last).toBe('done');
  });
});
