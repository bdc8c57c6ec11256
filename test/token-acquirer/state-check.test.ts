import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { checkState } from '../../src/token-acquirer/state-check.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeRefreshTokenStore } from '../fakes/fake-refresh-token-store.ts';
import { minutes, seconds } from '../support/acquirer.ts';

const PLACE = { namespace: 'token-acquirer', secret: 'token-acquirer-state' };
const MISSING = new StoreError('There is no Secret. Run: kubectl create.', { missing: true });

function run({ needed = true } = {}) {
  const [clock, store] = [createFakeClock(), new FakeRefreshTokenStore()];
  const events: ProcessEvent[] = [];
  const status = new ProcessStatus(clock, { process: (event) => void events.push(event) });
  const state = { needed };
  const stop = new AbortController();
  void checkState({ clock, store, place: PLACE, status, isNeeded: () => state.needed }, stop.signal);
  const condition = () => status.conditions.find(({ type }) => type === 'StateStored');
  return { clock, store, events, state, stop, condition };
}

describe('the check of the state', () => {
  it('reports a deleted state before a restart loses refresh tokens', async () => {
    const { clock, store, events, condition } = run();
    await clock.advance(minutes(1));
    expect(condition()).toMatchObject({ status: true, reason: 'Readable' });
    store.failLoads(MISSING);
    await clock.advance(seconds(10));
    expect(condition()).toMatchObject({
      status: false,
      reason: 'StateUnavailable',
      message: expect.stringMatching(/^There is no Secret\. Run: kubectl create\. Do not restart/),
    });
    expect(events).toMatchObject([{ kind: 'process-unhealthy', condition: 'StateStored', secret: PLACE }]);
    store.heal();
    await clock.advance(seconds(10));
    expect(condition()).toMatchObject({ status: true });
  });

  it('reports nothing where no token needs the state, or another replica looks after it', async () => {
    const { clock, store, events, condition } = run({ needed: false });
    store.failLoads(MISSING);
    await clock.advance(minutes(10));
    expect([events, condition()]).toEqual([[], undefined]);
  });

  it('ends its report once no token needs the state', async () => {
    const { clock, store, state, condition } = run();
    store.failLoads(MISSING);
    await clock.advance(seconds(10));
    expect(condition()).toMatchObject({ status: false });
    state.needed = false;
    await clock.advance(seconds(10));
    expect(condition()).toMatchObject({ status: true, reason: 'NotNeeded' });
  });

  it('reports nothing while the API server is unavailable', async () => {
    const { clock, store, events, condition } = run();
    await clock.advance(minutes(1));
    store.failLoads(new StoreError('The API server is unavailable.'));
    await clock.advance(minutes(10));
    expect(condition()).toMatchObject({ status: true });
    expect(events).toEqual([]);
  });

  it('ends with the process', async () => {
    const { clock, stop } = run();
    await clock.advance(seconds(10));
    stop.abort();
    await clock.settle();
    expect(clock.waiting()).toBe(0);
  });
});
