import { describe, expect, it } from 'vitest';
import { statusOf } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start } from '../support/acquirer.ts';

const account = (name: string, namespace = 'billing'): string => `system:serviceaccount:${namespace}:${name}`;
const CLIENT = account('billing-app');
const OTHER = account('other-app');
const SENTENCE = 'The ServiceAccount billing/other-app asks for this token, but is not among its clients';

interface Called extends Started {
  readonly called: (caller?: string) => void;
  readonly condition: () => { status: boolean; reason: string; message: string } | undefined;
  readonly told: () => readonly { message: string; calls: number }[];
}

async function running(given: Partial<TokenSpecification> = {}): Promise<Called> {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 36_000 }));
  const started = await start(world, { specifications: [specification({ clients: [CLIENT], ...given })] });
  return {
    ...started,
    called: (caller = OTHER) => started.only().cycle.refused(caller),
    condition: () => started.only().cycle.status.get('CallersKnown'),
    told: () => started.events.flatMap(({ event }) => (event.kind === 'caller-unknown' ? [event] : [])),
  };
}

describe('a ServiceAccount that is not among the clients of a token', () => {
  it('is named in a condition at its first call, and makes the token unhealthy', async () => {
    const { called, condition, acquirer, clock } = await running();
    expect(condition()).toBeUndefined();
    called();
    expect(condition()).toMatchObject({ status: false, reason: 'CallerNotInClients' });
    expect(condition()?.message).toContain(SENTENCE);
    expect(statusOf(acquirer, true, clock.now()).tokens[0]).toMatchObject({ state: 'Valid', healthy: false });
  });

  it('is named in an event at its first call, and then with a count once a minute', async () => {
    const { called, told, clock } = await running();
    for (let second = 0; second < 600; second += 1) {
      called();
      await clock.advance(seconds(1));
    }
    expect(told().map(({ calls }) => calls)).toEqual([1, ...Array.from({ length: 9 }, () => 61)]);
    expect(new Set(told().map(({ message }) => message)).size).toBe(1);
    expect(told()[0]?.message).toContain(SENTENCE);
  });

  it('is also forgotten if a client calls in the meantime', async () => {
    const { called, condition, clock } = await running();
    called();
    await clock.advance(minutes(3) - 1);
    await clock.advance(1);
    called(CLIENT);
    expect(condition()).toMatchObject({ status: true, message: '' });
  });

  it('is forgotten three minutes after its last call', async () => {
    const { called, condition, clock } = await running();
    called();
    await clock.advance(minutes(2));
    called();
    await clock.advance(minutes(2));
    expect(condition()?.status).toBe(false);
    await clock.advance(seconds(91));
    expect(condition()).toMatchObject({ status: true, message: '' });
  });

  it('is forgotten as soon as the configuration names it', async () => {
    const { called, condition, acquirer, clock } = await running();
    called();
    acquirer.apply([specification({ clients: [CLIENT, OTHER] })]);
    await clock.settle();
    expect(condition()?.status).toBe(true);
  });

  it('also counts while the token is suspended', async () => {
    const world = createWorld();
    world.execution.set('stopped');
    const clientApp = { namespace: 'billing', selector: 'app=billing' };
    const { only, clock } = await start(world, { specifications: [specification({ clients: [CLIENT], clientApp })] });
    only().cycle.refused(OTHER);
    expect(only().cycle.status.get('CallersKnown')?.status).toBe(false);
    await clock.advance(minutes(4));
    expect(only().cycle.status.get('CallersKnown')?.status).toBe(true);
  });

  it.each([
    ['a client whose check was late', CLIENT],
    ['one of another namespace', account('hostile', 'shipping')],
    ['a caller that is not a ServiceAccount', 'shipping-app'],
  ])('is not %s', async (_sentence, caller) => {
    const { called, condition, told } = await running();
    called(caller);
    expect([condition(), told()]).toEqual([undefined, []]);
  });

  it('counts in the namespace of a client if the token has no Secret', async () => {
    const { called, condition } = await running({ delivery: 'endpoint', clients: [account('report', 'jobs')] });
    called(account('other', 'jobs'));
    expect(condition()?.message).toContain('The ServiceAccount jobs/other');
  });

  it('is one of three, however many there are', async () => {
    const { called, condition, told, clock } = await running();
    for (let turn = 0; turn < 3; turn += 1) {
      for (let index = 0; index < 10_000; index += 1) called(account(`app-${index}`));
      await clock.advance(seconds(61));
    }
    expect(condition()?.message.match(/The ServiceAccount billing\/app-\d+/g)).toEqual(
      [0, 1, 2].map((index) => `The ServiceAccount billing/app-${index}`),
    );
    expect(told()).toHaveLength(9);
  });

  it('takes the place of one that has stopped', async () => {
    const { called, condition, clock } = await running();
    for (const name of ['a', 'b', 'c']) called(account(name));
    await clock.advance(minutes(2));
    called(account('c'));
    await clock.advance(minutes(1));
    called();
    expect(condition()?.message.match(/ServiceAccount billing\/\S+/g)).toEqual([
      'ServiceAccount billing/c',
      'ServiceAccount billing/other-app',
    ]);
  });
});
