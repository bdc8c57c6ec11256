import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { Role } from '../../src/core/leadership.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { candidateOf } from '../../src/token-acquirer/leadership/candidate.ts';
import { electionFinding } from '../../src/token-acquirer/leadership/election-finding.ts';
import { Elector } from '../../src/token-acquirer/leadership/elector.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { FakeLease, type FakeLeaseConnection } from '../fakes/fake-lease.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, start, type World } from '../support/acquirer.ts';

const AWAY = new StoreError('The API server cannot be reached.');
const DENIED = new StoreError('The Lease token-acquirer/token-acquirer cannot be read: it is forbidden (403).', {
  permanent: true,
});
const PODS = ['token-acquirer-7d9f8-aaaaa', 'token-acquirer-7d9f8-bbbbb', 'token-acquirer-7d9f8-ccccc'] as const;

interface Replica {
  readonly elector: Elector;
  readonly connection: FakeLeaseConnection;
  readonly status: ProcessStatus;
  readonly clock: FakeClock;
  /** Each role, as it was reported. */
  readonly roles: Role[];
}

/** A replica with its own clocks, which may differ from those of the others. */
function replica(lease: FakeLease, index: 0 | 1 | 2, { apart = 0, fraction = 0.5 } = {}): Replica {
  const clock = createFakeClock({ now: Date.UTC(2026, 0, 1) + apart });
  const connection = lease.connect();
  const status = new ProcessStatus(clock);
  const self = candidateOf({
    environment: { POD_NAME: PODS[index], POD_IP: `10.0.0.${index + 1}` },
    hostname: 'unused',
    listen: ':8443',
    assignment: '0 of 1',
    deployment: 'token-acquirer',
    fraction,
  });
  const elector = new Elector({
    clock,
    lease: connection,
    self,
    onLook(view, role) {
      const finding = electionFinding(view, role, 'token-acquirer/token-acquirer');
      if (finding !== undefined) status.report('Elected', finding);
    },
  });
  const roles: Role[] = [];
  elector.watch(() => roles.push(elector.role));
  elector.run();
  return { elector, connection, status, clock, roles };
}

/** Lets time pass for all of them, side by side. */
async function pass(replicas: readonly Replica[], duration: number): Promise<void> {
  const step = 500;
  for (let passed = 0; passed < duration; passed += step)
    for (const { clock } of replicas) await clock.advance(Math.min(step, duration - passed));
}

const rolesOf = (replicas: readonly Replica[]): Role[] => replicas.map(({ elector }) => elector.role);
const conditionOf = ({ status }: Replica) => status.conditions.find(({ type }) => type === 'Elected');

describe('replicas with one Lease', () => {
  it.each([0, 1])('elect one of three that start together, with watches that work: %d', async (watchable) => {
    const lease = new FakeLease();
    const all = [replica(lease, 0), replica(lease, 1), replica(lease, 2)];
    for (const { connection } of all) connection.isWatchable = watchable === 1;
    await pass(all, seconds(5));
    expect(rolesOf(all).toSorted()).toEqual(['following', 'following', 'leading']);
    await pass(all, minutes(10));
    expect(rolesOf(all).toSorted()).toEqual(['following', 'following', 'leading']);
    expect(new Set(lease.writes).size).toBe(1);
  });

  it('write 4,320 times a day', async () => {
    const lease = new FakeLease();
    const all = [replica(lease, 0), replica(lease, 1)];
    await pass(all, minutes(60));
    expect(lease.writes.length * 24).toBeLessThanOrEqual(4320 + 48);
    expect(lease.writes.length * 24).toBeGreaterThanOrEqual(4300);
  });

  it('name the leader, and reach it, until its Lease ends', async () => {
    const lease = new FakeLease();
    const [first, second] = [replica(lease, 0), replica(lease, 1)];
    await pass([first], seconds(1));
    await pass([first, second], seconds(10));
    expect(second.elector.leader).toEqual({ pod: PODS[0], address: '10.0.0.1:8443' });
    expect(first.elector.leader).toBeUndefined();
    expect(conditionOf(first)).toMatchObject({ status: true, reason: 'Leading' });
    expect(conditionOf(second)).toMatchObject({ status: true, reason: 'Following' });
    const { leader } = second.elector;
    if (leader !== undefined) second.elector.doubt(leader);
    expect(second.elector.leader).toBeUndefined();
    await pass([first, second], seconds(21));
    expect(second.elector.leader).toEqual(leader);
  });

  it.each([-120_000, 0, 120_000])('take over when the Lease ends, with clocks %d ms apart', async (apart) => {
    const lease = new FakeLease();
    const [first, second] = [replica(lease, 0), replica(lease, 1, { apart })];
    await pass([first], seconds(1));
    await pass([first, second], seconds(65));
    const renewed = lease.writes.length;
    // The first one is killed.
    let waited = 0;
    for (; second.elector.role !== 'leading' && waited < 100; waited += 1) await pass([second], seconds(1));
    expect(waited).toBeGreaterThan(39);
    expect(waited).toBeLessThanOrEqual(61);
    expect(lease.writes.length).toBe(renewed + 1);
  });

  it('take over immediately after a release, and follow the next leader until the end', async () => {
    const lease = new FakeLease();
    const [first, second] = [replica(lease, 0), replica(lease, 1)];
    await pass([first], seconds(1));
    await pass([first, second], seconds(10));
    const released = first.elector.release();
    await pass([first, second], seconds(1));
    await released;
    expect(rolesOf([first, second])).toEqual(['following', 'leading']);
    expect(first.elector.leader).toEqual({ pod: PODS[1], address: '10.0.0.2:8443' });
    await pass([first, second], minutes(5));
    expect(rolesOf([first, second])).toEqual(['following', 'leading']);
    first.elector.stop();
  });

  it('give back a Lease that was edited a moment ago', async () => {
    const lease = new FakeLease();
    const [first, second] = [replica(lease, 0), replica(lease, 1)];
    await pass([first], seconds(1));
    await pass([first, second], seconds(10));
    lease.edit({});
    void first.elector.release();
    await pass([first, second], seconds(2));
    expect(rolesOf([first, second])).toEqual(['following', 'leading']);
  });

  it('do not lead after a pause of twice the Lease, before they have read it', async () => {
    const lease = new FakeLease();
    const [first, second] = [replica(lease, 0), replica(lease, 1)];
    await pass([first], seconds(1));
    await pass([first, second], seconds(10));
    await pass([second], seconds(120));
    expect(second.elector.role).toBe('leading');
    // The paused process looks at its clock before any of its timers ran.
    first.clock.jumpWall(seconds(120));
    expect(first.elector.role).toBe('following');
    await pass([first, second], seconds(30));
    expect(rolesOf([first, second])).toEqual(['following', 'leading']);
    expect(lease.writes.filter((identity) => identity.startsWith(PODS[0])).length).toBe(1);
  });

  it('go on without the API server as before, and the leader without rotation', async () => {
    const lease = new FakeLease();
    const both = [replica(lease, 0), replica(lease, 1)] as const;
    await pass([both[0]], seconds(1));
    await pass(both, seconds(10));
    for (const { connection } of both) connection.failure = AWAY;
    await pass(both, seconds(15));
    expect(rolesOf(both)).toEqual(['leading', 'following']);
    await pass(both, minutes(10));
    expect(rolesOf(both)).toEqual(['cut-off', 'following']);
    expect(conditionOf(both[0])).toMatchObject({ status: false, reason: 'LeaseUnavailable' });
    for (const { connection } of both) connection.failure = undefined;
    await pass(both, seconds(30));
    expect(rolesOf(both).toSorted()).toEqual(['following', 'leading']);
  });

  it.each<[sentence: string, failure: StoreError | undefined, reason: string]>([
    ['is forbidden', DENIED, 'LeaseRefused'],
    ['does not exist', undefined, 'LeaseRefused'],
  ])('all work where the Lease %s, and elect one once that is corrected', async (_, failure, reason) => {
    const lease = new FakeLease();
    const both = [replica(lease, 0), replica(lease, 1)] as const;
    const { record } = lease;
    if (failure === undefined) lease.record = undefined;
    for (const { connection } of both) connection.failure = failure;
    await pass(both, minutes(2));
    expect(rolesOf(both)).toEqual(['unelected', 'unelected']);
    for (const one of both) expect(conditionOf(one)).toMatchObject({ status: false, reason });
    lease.record = record;
    for (const { connection } of both) connection.failure = undefined;
    await pass(both, minutes(1));
    expect(rolesOf(both).toSorted()).toEqual(['following', 'leading']);
  });

  it('all work while something else renews the Lease, and name it', async () => {
    const lease = new FakeLease();
    const both = [replica(lease, 0), replica(lease, 1)] as const;
    await pass(both, seconds(10));
    for (let round = 0; round < 10; round += 1) {
      lease.edit({ holder: 'other-5d4c3-zzzzz_1', renewedAt: round });
      await pass(both, seconds(15));
    }
    expect(rolesOf(both)).toEqual(['unelected', 'unelected']);
    expect(conditionOf(both[0])).toMatchObject({
      status: false,
      reason: 'HeldByAnother',
      message: expect.stringMatching(/token-acquirer\/token-acquirer is held by other-5d4c3-zzzzz, which is no pod of/),
    });
    await pass(both, seconds(70));
    expect(rolesOf(both).toSorted()).toEqual(['following', 'leading']);
  });

  it('take the Lease of the container before them in the same pod immediately', async () => {
    const lease = new FakeLease();
    const before = replica(lease, 0, { fraction: 0.1 });
    await pass([before], seconds(1));
    const after = replica(lease, 0, { fraction: 0.2 });
    await pass([after], seconds(1));
    expect(after.elector.role).toBe('leading');
  });
});

describe('two acquirers with one store and one Lease', () => {
  interface Acquiring extends Replica {
    readonly started: Started;
  }

  async function acquiring(lease: FakeLease, world: World, index: 0 | 1): Promise<Acquiring> {
    const one = replica(lease, index);
    const { endpoint, chains, credentials, store } = world;
    const own = createWorld({ clock: one.clock, endpoint, chains, credentials, store, leadership: one.elector });
    return { ...one, started: await start(own, { random: fakeRandom(0) }) };
  }

  async function both() {
    const world = createWorld();
    world.endpoint.script(...Array.from({ length: 50 }, () => tokenResponse({ expiresIn: 600 })));
    const lease = new FakeLease();
    const first = await acquiring(lease, world, 0);
    await pass([first], seconds(1));
    const second = await acquiring(lease, world, 1);
    await pass([first, second], seconds(5));
    return { world, lease, first, second };
  }

  it('request one token a renewal', async () => {
    const { world, first, second } = await both();
    await pass([first, second], minutes(60));
    // 600 s, renewed at 67 %.
    expect(world.endpoint.requests.length).toBe(1 + Math.floor(3606 / 402));
    expect(second.started.events).toEqual([]);
    expect(second.started.only().cycle.held.token).toBeUndefined();
  });

  it('adopt what is stored when they take over, and request nothing before it is due', async () => {
    const { world, first, second } = await both();
    void first.elector.release();
    await first.started.acquirer.stop();
    await pass([first, second], seconds(5));
    expect(second.elector.role).toBe('leading');
    expect(second.started.kinds()).toEqual(['token-adopted']);
    await pass([second], minutes(6));
    expect(world.endpoint.requests).toHaveLength(1);
    await pass([second], minutes(1));
    expect(world.endpoint.requests).toHaveLength(2);
  });

  it('request one token a renewal where the leader is paused for twice the Lease', async () => {
    const { world, first, second } = await both();
    await pass([second], seconds(390));
    expect(second.elector.role).toBe('leading');
    await pass([second], seconds(30));
    expect(world.endpoint.requests).toHaveLength(2);
    // Its token is due by the clock of the resumed process.
    first.clock.jumpWall(seconds(420));
    first.started.only().cycle.wake();
    await pass([first, second], minutes(1));
    expect(rolesOf([first, second])).toEqual(['following', 'leading']);
    expect(first.started.only().cycle.held.token).toBeUndefined();
    expect(world.endpoint.requests).toHaveLength(2);
  });

  it('store the token of a request that was in flight when its replica lost the Lease, or discard it', async () => {
    const { world, first, second } = await both();
    await pass([first, second], seconds(390));
    world.endpoint.hold();
    await pass([first, second], seconds(15));
    expect(world.endpoint.inFlight).toBe(1);
    first.connection.failure = AWAY;
    await pass([second], seconds(70));
    expect(second.elector.role).toBe('leading');
    first.connection.failure = undefined;
    world.endpoint.release();
    await pass([first, second], minutes(1));
    expect(rolesOf([first, second])).toEqual(['following', 'leading']);
    expect(world.endpoint.requests.length).toBeLessThanOrEqual(3);
    expect(first.started.only().cycle.held.token).toBeUndefined();
    expect(second.started.only().cycle.held.token?.sha256).toBe(second.started.stored()?.sha256);
  });
});
