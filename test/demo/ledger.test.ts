import { beforeEach, describe, expect, it } from 'vitest';
import type { DemoEvent } from '../../src/demo/demo-event.ts';
import { ofKind } from '../../src/demo/evidence.ts';
import { Ledger } from '../../src/demo/ledger.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { START } from './events.ts';

let clock: FakeClock;
let ledger: Ledger;

beforeEach(() => {
  clock = createFakeClock({ now: START });
  ledger = new Ledger(clock);
});

const started = { kind: 'started', who: 'billing-app' } as const;
const firstStart = (events: readonly DemoEvent[]) => ofKind(events, 'started').at(0);

describe('the ledger', () => {
  it('keeps what happened in order, with the time', async () => {
    await clock.advance(1);
    ledger.enter(started);
    await clock.advance(1);
    ledger.enter({ kind: 'stopped', who: 'billing-app' });
    expect(ledger.events.map(({ kind, at }) => [kind, at - START])).toEqual([
      ['started', 1],
      ['stopped', 2],
    ]);
  });

  it('keeps the time of an event that was reported late', async () => {
    await clock.advance(2);
    ledger.enter(started, START + 1);
    expect(ledger.events.map(({ at }) => at - START)).toEqual([1]);
  });

  it('passes each event to its listener', () => {
    const heard: DemoEvent[] = [];
    new Ledger(clock, (event) => heard.push(event)).enter(started);
    expect(heard).toEqual([{ ...started, at: START }]);
  });

  it('finds an event of before', async () => {
    ledger.enter(started);
    await expect(ledger.until(firstStart, { what: 'A start', within: 1 })).resolves.toMatchObject(started);
  });

  it('waits for what is to come, and lets several wait', async () => {
    const waiting = [1, 2].map(() => ledger.until(firstStart, { what: 'A start', within: 5000 }));
    ledger.enter({ kind: 'stopped', who: 'billing-app' });
    ledger.enter(started);
    expect(await Promise.all(waiting)).toHaveLength(2);
    expect(clock.waiting()).toBe(0);
  });

  it('says what did not come', async () => {
    const waiting = ledger.until(firstStart, { what: 'A start', within: 5000 });
    await Promise.all([expect(waiting).rejects.toThrow('A start did not come within 5 s.'), clock.advance(5000)]);
  });

  it('lets all who wait fail when it is closed, and those who come later', async () => {
    const waiting = ledger.until(firstStart, { what: 'A start', within: 60_000 });
    ledger.close(new Error('The demo is ending.'));
    await expect(waiting).rejects.toThrow('ending');
    await expect(ledger.until(firstStart, { what: 'A start', within: 60_000 })).rejects.toThrow('ending');
  });
});
