import { describe, expect, it } from 'vitest';
import type { VolumeContents } from '../../src/token-acquirer/token/stored-copy.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start } from '../support/acquirer.ts';

const REFUSAL = 'The nudge is denied: the admission policy is not in force.';

/** Volumes of a kubelet, and a nudge that a test can turn on or make fail. */
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

/** Makes a world whose tokens have this lifetime in seconds. */
function worldOf(volume: VolumeContents, expiresIn: number, given: Partial<Parameters<typeof createWorld>[0]> = {}) {
  const world = createWorld({ volume, ...given });
  world.endpoint.script(...Array.from({ length: 100 }, () => tokenResponse({ expiresIn })));
  return world;
}

const conditionOf = ({ only }: Started) => only().cycle.status.get('VolumeFollowsInTime');
const notices = ({ kinds }: Started): number => kinds().filter((kind) => kind === 'volume-follows-late').length;

describe('a token that programs read from mounted volumes', () => {
  it('has a false condition long before its expiry for a lifetime of a minute, and one event', async () => {
    const started = await start(worldOf(mounted().volume, 60));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: false, reason: 'RenewedTooLate' });
    await started.clock.advance(minutes(10));
    expect(notices(started)).toBe(1);
    expect(started.events.find(({ event }) => event.kind === 'volume-follows-late')?.event).toMatchObject({
      message: conditionOf(started)?.message,
    });
  });

  it('is in time for a lifetime of an hour', async () => {
    const started = await start(worldOf(mounted().volume, 3600));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'RenewedInTime' });
    expect(notices(started)).toBe(0);
  });

  it('has no such condition before the first token, because its lifetime is unknown', async () => {
    const world = createWorld({ volume: mounted().volume });
    world.endpoint.hold();
    const started = await start(world);
    await started.clock.advance(minutes(1));
    expect(conditionOf(started)).toBeUndefined();
  });

  it('is checked again after a restart', async () => {
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
    ['without a cluster, because clients read the store itself', {}, false],
    ['with delivery: endpoint', { delivery: 'endpoint' }, true],
  ])('has no such condition %s', async (_sentence, given, isMounted) => {
    const volume = { ...mounted().volume, mounted: isMounted };
    const started = await start(worldOf(volume, 60), { specifications: [specification(given)] });
    await started.clock.advance(minutes(1));
    expect(conditionOf(started)).toBeUndefined();
  });

  it('loses the condition when it is no longer stored', async () => {
    const started = await start(worldOf(mounted().volume, 60));
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toBeDefined();
    started.acquirer.apply([specification({ delivery: 'endpoint' })]);
    await started.clock.advance(seconds(1));
    expect(conditionOf(started)).toBeUndefined();
  });

  it('is healthy as soon as the configuration names the client library as the only reader', async () => {
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
  it('makes the volume follow in time', async () => {
    const started = await start(worldOf(mounted({ nudges: true }).volume, 60));
    await started.clock.advance(minutes(5));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'Nudged' });
    expect(notices(started)).toBe(0);
  });

  it('makes the volume late if it is denied, and reports the reason before the token expires', async () => {
    const { state, volume } = mounted({ nudges: true, refusal: REFUSAL });
    let answer: () => void = () => undefined;
    // The answer is slow, so the cycle has looked before it.
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
    expect(notices(started)).toBe(1);
  });

  it('makes the volume follow in time with the next token if it is allowed later', async () => {
    const { state, volume } = mounted({ nudges: true, refusal: REFUSAL });
    const started = await start(worldOf(volume, 60));
    await started.clock.advance(seconds(5));
    expect(conditionOf(started)).toMatchObject({ status: false });
    state.refusal = undefined;
    await started.clock.advance(seconds(40));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'Nudged' });
  });

  it('is turned on or off within half a minute, and before the next token expires', async () => {
    const { state, volume } = mounted();
    const started = await start(worldOf(volume, 60));
    await started.clock.advance(seconds(1));
    state.nudges = true;
    await started.clock.advance(seconds(30));
    expect(conditionOf(started)).toMatchObject({ status: true, reason: 'Nudged' });
    state.nudges = false;
    await started.clock.advance(seconds(30));
    expect(conditionOf(started)).toMatchObject({ status: false, reason: 'RenewedTooLate' });
    expect(notices(started)).toBe(2);
  });
});

describe('the conditions of a client app', () => {
  it('are removed when the configuration names none any more', async () => {
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
