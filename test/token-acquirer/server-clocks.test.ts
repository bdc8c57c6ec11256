import { describe, expect, it } from 'vitest';
import type { EpochMs } from '../../src/core/token.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';

/** Makes a world whose authorization server has another time. */
function withServerClock(off: { by: number | undefined }): World {
  const world = createWorld();
  const request = world.endpoint.request.bind(world.endpoint);
  world.endpoint.request = async (...given) => {
    const serverDate: EpochMs | undefined = off.by === undefined ? undefined : world.clock.now() - off.by;
    return { ...(await request(...given)), serverDate };
  };
  return world;
}

const disagreements = ({ events }: Started): string[] =>
  events.flatMap(({ event }) => (event.kind === 'clock-disagrees' ? [event.message] : []));

describe('the clock, compared with the `Date` of token answers', () => {
  it.each([
    ['ahead', minutes(60), 'ClockAhead', '59m59s ahead of that of the authorization server corporate'],
    ['behind', -minutes(60), 'ClockBehind', '1h behind that of the authorization server corporate'],
  ])('is reported if it is %s, once until it agrees again', async (_sentence, by, reason, words) => {
    const off: { by: number | undefined } = { by };
    const started = await start(withServerClock(off));
    const { clock, only } = started;
    expect(only().cycle.status.get('ClockAgrees')).toMatchObject({ status: false, reason });
    expect(only().cycle.status.get('ClockAgrees')?.message).toContain(words);
    await clock.advance(minutes(3));
    expect(disagreements(started)).toHaveLength(1);
    off.by = 0;
    await clock.advance(minutes(1));
    expect(only().cycle.status.get('ClockAgrees')).toMatchObject({ status: true });
    off.by = by;
    await clock.advance(minutes(1));
    expect(disagreements(started)).toHaveLength(2);
  });

  it('is reported once for all tokens of a server, and in the status of each', async () => {
    const specifications = ['a', 'b', 'c'].map((name) =>
      specification({ identity: { namespace: 'billing', secret: 'billing-tokens', name } }),
    );
    const started = await start(withServerClock({ by: minutes(10) }), { specifications });
    expect(disagreements(started)).toHaveLength(1);
    for (const name of ['a', 'b', 'c']) {
      expect(started.only(name).cycle.status.get('ClockAgrees')).toMatchObject({ status: false });
    }
  });

  it.each([
    ['by a few seconds', seconds(4)],
    ['not at all', 0],
  ])('is not reported if it is off %s', async (_sentence, by) => {
    const started = await start(withServerClock({ by }));
    expect(started.only().cycle.status.get('ClockAgrees')).toMatchObject({ status: true });
    expect(disagreements(started)).toEqual([]);
  });

  it('is not judged without a `Date` of the server', async () => {
    const started = await start(withServerClock({ by: undefined }));
    expect(started.only().cycle.status.get('ClockAgrees')).toBeUndefined();
  });

  it('is not judged by a slow answer', async () => {
    const world = createWorld();
    world.endpoint.hold().script(tokenResponse({ serverDate: world.clock.now() }));
    const started = await start(world);
    await started.clock.advance(minutes(1));
    world.endpoint.release();
    await started.clock.settle();
    expect(started.only().cycle.status.get('ClockAgrees')).toMatchObject({ status: true });
  });
});
