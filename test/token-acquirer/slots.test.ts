import { describe, expect, it } from 'vitest';
import { Slots } from '../../src/token-acquirer/token/slots.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { seconds } from '../support/acquirer.ts';

/** Takes a slot for each, and records the owners. */
function takers(limit: number) {
  const clock = createFakeClock();
  const slots = new Slots(limit, clock);
  const started: string[] = [];
  const releases = new Map<string, () => void>();
  return {
    clock,
    slots,
    started,
    async take(name: string, { urgency = 0, rotates = false, server = 'corporate' } = {}): Promise<void> {
      void slots.take(server, { urgency, rotates }).then((release) => {
        started.push(name);
        releases.set(name, release);
      });
      await clock.settle();
    },
    async release(name: string): Promise<void> {
      releases.get(name)?.();
      await clock.settle();
    },
  };
}

describe('slots', () => {
  it('are given in the order of urgency', async () => {
    const { take, release, started } = takers(1);
    await take('first', { urgency: 5 });
    for (const urgency of [3, 1, 2]) await take(`urgency ${urgency}`, { urgency });
    for (const name of ['first', 'urgency 1', 'urgency 2']) await release(name);
    expect(started).toEqual(['first', 'urgency 1', 'urgency 2', 'urgency 3']);
  });

  it('are counted for each server', async () => {
    const { take, started } = takers(1);
    await take('a', { server: 'one' });
    await take('b', { server: 'two' });
    await take('c', { server: 'one' });
    expect(started).toEqual(['a', 'b']);
  });

  it('count once if they are given back twice', async () => {
    const { take, release, started } = takers(1);
    await take('a');
    await take('b');
    await release('a');
    await release('a');
    await take('c');
    expect(started).toEqual(['a', 'b']);
  });

  it('let others pass if rotating ones have to wait', async () => {
    const { take, release, started } = takers(4);
    for (const name of ['r1', 'r2', 'r3']) await take(name, { rotates: true });
    await take('plain', { urgency: 9 });
    expect(started).toEqual(['r1', 'r2', 'plain']);
    await release('plain');
    expect(started).toHaveLength(3);
    await release('r1');
    expect(started).toEqual(['r1', 'r2', 'plain', 'r3']);
  });

  it('are free for all rotating ones after a minute', async () => {
    const { take, release, started, clock } = takers(4);
    for (const name of ['r1', 'r2', 'r3', 'r4']) await take(name, { rotates: true });
    await clock.advance(seconds(60));
    await release('r1');
    expect(started).toEqual(['r1', 'r2', 'r3', 'r4']);
  });

  it('are given to one rotating at a time from a mark until an exchange', async () => {
    const { take, release, started, slots } = takers(4);
    slots.foundMark('corporate');
    for (const name of ['r1', 'r2', 'r3']) await take(name, { rotates: true });
    expect(started).toEqual(['r1']);
    slots.noteExchange('corporate');
    await release('r1');
    expect(started).toEqual(['r1', 'r2', 'r3']);
  });
});
