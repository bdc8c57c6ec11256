import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import type { ProcessMark } from '../../src/ports/process-mark.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { OtherAcquirers } from '../../src/token-acquirer/other-acquirers.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { fakeRandom } from '../fakes/fake-random.ts';

const PLACE = { namespace: 'token-acquirer', secret: 'token-acquirer-state' };
const MINUTE = 60_000;

class FakeMark implements ProcessMark {
  readonly place = PLACE;
  mark: string | undefined;
  writes = 0;
  failure: StoreError | undefined;

  async read(): Promise<string | undefined> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return this.mark;
  }

  async write(mark: string): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.writes += 1;
    this.mark = mark;
  }
}

interface Running {
  readonly others: OtherAcquirers;
  readonly status: ProcessStatus;
  readonly events: ProcessEvent[];
  stop(): void;
}

function run(
  clock: FakeClock,
  mark: FakeMark,
  {
    pod = 'pod-a',
    needsState = false,
    jitter = 0,
  }: { pod?: string; needsState?: boolean | (() => boolean); jitter?: number } = {},
): Running {
  const events: ProcessEvent[] = [];
  const status = new ProcessStatus(clock, { process: (event) => void events.push(event) });
  const random = fakeRandom(jitter);
  const deployment = 'token-acquirer';
  const others = new OtherAcquirers({
    clock,
    random,
    mark,
    pod,
    status,
    deployment,
    needsState: typeof needsState === 'function' ? needsState : () => needsState,
  });
  const stopping = new AbortController();
  void others.run(stopping.signal);
  return { others, status, events, stop: () => stopping.abort() };
}

const conditionOf = ({ status }: Running, wanted = 'OnlyWriter') =>
  status.conditions.find(({ type }) => type === wanted);

describe('a second token-acquirer with the same state', () => {
  it('is named by each of the two within a minute, with a remedy', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    const first = run(clock, mark);
    await clock.advance(MINUTE);
    expect(conditionOf(first)).toMatchObject({ status: true, reason: 'Alone' });
    const second = run(clock, mark, { pod: 'pod-b' });
    await clock.advance(MINUTE);
    for (const [one, other] of [
      [first, 'pod-b'],
      [second, 'pod-a'],
    ] as const) {
      expect(one.others.pods).toEqual([other]);
      const message = `Another token-acquirer runs with the same state and tokens: pod ${other} of the namespace token-acquirer. Run one only: remove any HorizontalPodAutoscaler, then kubectl --namespace token-acquirer scale deployment token-acquirer --replicas=1. If its node is down, run: kubectl --namespace token-acquirer delete pod ${other} --force.`;
      expect(conditionOf(one)).toMatchObject({ status: false, reason: 'AnotherTokenAcquirer', message });
      expect(one.events).toEqual([
        { kind: 'process-unhealthy', condition: 'OnlyWriter', reason: 'AnotherTokenAcquirer', message, secret: PLACE },
      ]);
    }
    expect([first.others.standsBack, second.others.standsBack]).toEqual([false, true]);
  });

  it('is no longer named a minute after it ended', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    const first = run(clock, mark);
    const second = run(clock, mark, { pod: 'pod-b' });
    await clock.advance(MINUTE);
    second.stop();
    await clock.advance(MINUTE + 10_000);
    expect(conditionOf(first)).toMatchObject({ status: true });
    expect(first.events.map(({ kind }) => kind)).toEqual(['process-unhealthy', 'process-recovered']);
    expect(first.others).toMatchObject({ pods: [], standsBack: false });
  });

  it('is not named if it replaced the first, even with some seconds of both', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    const first = run(clock, mark);
    await clock.advance(MINUTE + 5000);
    const second = run(clock, mark, { pod: 'pod-b' });
    await clock.advance(9000);
    first.stop();
    await clock.advance(10 * MINUTE);
    expect([first.events, second.events]).toEqual([[], []]);
    expect(conditionOf(second)).toMatchObject({ status: true });
  });

  it('is not named if it is the restarted container of the same pod', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    run(clock, mark, { jitter: 0.1 }).stop();
    const second = run(clock, mark, { jitter: 0.2 });
    await clock.advance(10 * MINUTE);
    expect(second.events).toEqual([]);
  });

  it('is reported again each hour while it runs', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    const first = run(clock, mark);
    run(clock, mark, { pod: 'pod-b' });
    await clock.advance(150 * MINUTE);
    expect(first.events).toHaveLength(3);
  });
});

describe('a mark', () => {
  it('is written once by a single process', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    run(clock, mark);
    await clock.advance(60 * MINUTE);
    expect(mark.writes).toBe(1);
  });

  it('causes no condition if it cannot be written and no refresh token needs the state', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    mark.failure = new StoreError('There is no Secret. Run: kubectl create.', { missing: true });
    const one = run(clock, mark);
    await clock.advance(MINUTE);
    expect(one.events).toEqual([]);
    expect(conditionOf(one, 'StateStored')).toBeUndefined();
  });

  it('has a deleted state reported before a restart loses refresh tokens', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    const one = run(clock, mark, { needsState: true });
    await clock.advance(MINUTE);
    expect(conditionOf(one, 'StateStored')).toMatchObject({ status: true });
    mark.failure = new StoreError('There is no Secret. Run: kubectl create.', { missing: true });
    await clock.advance(10_000);
    expect(conditionOf(one, 'StateStored')).toMatchObject({
      status: false,
      message: expect.stringMatching(/^There is no Secret\. Run: kubectl create\. Do not restart/),
    });
    expect(one.events).toMatchObject([{ kind: 'process-unhealthy', condition: 'StateStored', secret: PLACE }]);
    mark.failure = undefined;
    mark.mark = undefined;
    await clock.advance(10_000);
    expect(conditionOf(one, 'StateStored')).toMatchObject({ status: true });
  });

  it('is no longer reported as missing once no token needs it', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    let needed = true;
    const one = run(clock, mark, { needsState: () => needed });
    mark.failure = new StoreError('There is no Secret.', { missing: true });
    await clock.advance(MINUTE);
    expect(conditionOf(one, 'StateStored')).toMatchObject({ status: false });
    needed = false;
    await clock.advance(MINUTE);
    expect(conditionOf(one, 'StateStored')).toMatchObject({ status: true, reason: 'NotNeeded' });
  });

  it('is not reported as missing while the API server is unavailable', async () => {
    const [clock, mark] = [createFakeClock(), new FakeMark()];
    const one = run(clock, mark, { needsState: true });
    await clock.advance(MINUTE);
    mark.failure = new StoreError('The API server is unavailable.');
    await clock.advance(MINUTE);
    expect(conditionOf(one, 'StateStored')).toMatchObject({ status: true });
    expect(one.events).toEqual([]);
  });
});
