import { describe, expect, it } from 'vitest';
import type { VolumeContents } from '../../src/token-acquirer/token/stored-copy.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start } from '../support/acquirer.ts';

const REFUSAL = 'The nudge is refused: the admission policy is not in force.';

/** Volumes that a kubelet keeps, and a nudge that can be turned on, and can fail. */
function mounted({ nudges = false, refusal = undefined as string | undefined } = {}) {
  const state = { nudges, refusal, answer: Promise.resolve() };
  const nudge = {
    async nudge() {
      await state.answer;
      return state.refusal;
    },
  };
  const volume: VolumeContents = {
    common: {},
    mounted: true,
    get nudge() {
      return state.nudges ? nudge : undefined;
    },
  };
  return { state, volume };
}

/** A world whose tokens live this long, in seconds. */
function worldOf(volume: VolumeContents, expiresIn: number, given: Partial<Parameters<typeof createWorld>[0]> = {}) {
  const world = createWorld({ volume, ...given });
  world.endpoint.script(...Array.from({ length: 100 }, () => tokenResponse({ expiresIn })));
  return world;
}

const conditionOf = ({ only }: Started) => only().cycle.status.get('VolumeFollowsInTime');
const told = ({ kinds }: Started): number => kinds().filter((kind) => kind === 'volume-follows-late').length;

describe('a token that programs read from mounted volumes', () => {
  it('of a minute has a condition that is false long before the first one expires, and one event', async () => {
    const started = await start(worldOf(mounted().volume, 60));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: false, reason: 'RenewedTooLate' });
    await started.clock.advance(minutes(10));
    expect(told(started)).toBe(1);
    expect(started.events.find(({ event }) => event.kind === 'volume-follows-late')?.event).toMatchObject({
      message: conditionOf(started)?.message,
    });
  });

  it('of an hour is in time', async () => {
    const started = await start(worldOf(mounted().volume, 3600));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'RenewedInTime' });
    expect(told(started)).toBe(0);
  });

  it('has no such condition before the first one: its lifetime is not known', async () => {
    const world = createWorld({ volume: mounted().volume });
    world.endpoint.hold();
    const started = await start(world);
    await started.clock.advance(minutes(1));
    expect(conditionOf(started)).toBeUndefined();
  });

  it('is judged again when a process before stored it', async () => {
    const { volume } = mounted();
    const first = await start(worldOf(volume, 60));
    await first.acquirer.stop();
    const second = await start(createWorld({ volume, clock: first.clock, store: first.store }));
    expect(second.endpoint.requests).toHaveLength(0);
    expect(conditionOf(second)).toMatchObject({ status: false });
  });

  it('follows an interval that is set while it runs', async () => {
    const started = await start(worldOf(mounted().volume, 240));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: false });
    started.credentials.setInterval('dynamics', seconds(150));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'RenewedInTime' });
    started.credentials.setInterval('dynamics', seconds(160));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: false });
  });

  it.each<[string, Partial<Parameters<typeof specification>[0]>, boolean]>([
    ['without a cluster, where clients read the store itself', {}, false],
    ['with delivery: endpoint', { delivery: 'endpoint' }, true],
  ])('has no such condition %s', async (_sentence, given, isMounted) => {
    const volume = { ...mounted().volume, mounted: isMounted };
    const started = await start(worldOf(volume, 60), { specifications: [specification(given)] });
    await started.clock.advance(minutes(1));
    expect(conditionOf(started)).toBeUndefined();
  });

  it('loses the condition when it comes to be stored nowhere', async () => {
    const started = await start(worldOf(mounted().volume, 60));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toBeDefined();
    started.acquirer.apply([specification({ delivery: 'endpoint' })]);
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toBeUndefined();
  });

  it('is in order where only the client library reads it, as soon as the configuration says so', async () => {
    const started = await start(worldOf(mounted().volume, 60));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: false });
    started.acquirer.apply([specification({ readers: 'library' })]);
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'ReadersAskForReissue' });
    expect(started.endpoint.requests).toHaveLength(1);
  });
});

describe('the nudge', () => {
  it('that works makes it in time', async () => {
    const started = await start(worldOf(mounted({ nudges: true }).volume, 60));
    await started.clock.advance(minutes(5));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'Nudged' });
    expect(told(started)).toBe(0);
  });

  it('that is refused makes it late, and says why before the token expires', async () => {
    const { state, volume } = mounted({ nudges: true, refusal: REFUSAL });
    let answer: () => void = () => undefined;
    // The answer takes its time, so the cycle has looked before it.
    state.answer = new Promise((resolve) => {
      answer = resolve;
    });
    const started = await start(worldOf(volume, 20));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: true });
    answer();
    await started.clock.settle();
    expect(conditionOf(started)).toMatchObject({ status: false, reason: 'NudgeRefused' });
    expect(conditionOf(started)?.message).toContain(REFUSAL);
    expect(told(started)).toBe(1);
  });

  it('that is allowed later makes it in time with the next token', async () => {
    const { state, volume } = mounted({ nudges: true, refusal: REFUSAL });
    const started = await start(worldOf(volume, 60));
    await started.clock.advance(seconds(5));
    expect(conditionOf(started)).toMatchObject({ status: false });
    state.refusal = undefined;
    await started.clock.advance(seconds(40));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'Nudged' });
  });

  it('that is turned on or off counts within half a minute, and before the next token expires', async () => {
    const { state, volume } = mounted();
    const started = await start(worldOf(volume, 60));
    await started.clock.advance(seconds(1));
    state.nudges = true;
    await started.clock.advance(seconds(30));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'Nudged' });
    state.nudges = false;
    await started.clock.advance(seconds(30));
    expect(conditionOf(started)).toMatchObject({ status: false, reason: 'RenewedTooLate' });
    expect(told(started)).toBe(2);
  });
});

describe('what is said of a client app', () => {
  it('is taken back when the configuration names none any more', async () => {
    const clientApp = { namespace: 'billing', selector: 'app=billing' };
    const started = await start(createWorld(), { specifications: [specification({ clientApp })] });
    started.execution.sentences = ['The pod billing-1 mounts it with subPath.'];
    await started.clock.advance(minutes(1));
    const types = () => Object.keys(started.only().cycle.status.conditions);
    expect(types()).toEqual(expect.arrayContaining(['PodsFollow', 'SelectorMatches', 'ExecutionStateKnown']));
    started.acquirer.apply([specification()]);
    await started.clock.advance(seconds(1));
    for (const type of ['PodsFollow', 'SelectorMatches', 'ExecutionStateKnown']) expect(types()).not.toContain(type);
  });
});
