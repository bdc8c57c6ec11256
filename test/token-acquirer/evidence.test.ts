import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import type { EvidenceEvent, ProcessEvent } from '../../src/core/events.ts';
import { conditionsOf, statusOf } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import type { Admission } from '../../src/token-acquirer/token/token-requests.ts';
import { FakeAppLogs } from '../fakes/fake-app-logs.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';

const PODS = { namespace: 'billing', selector: 'app=billing' };
const REJECTED = 'HTTP Error 401: Unauthorized';
const FOLLOWING: Partial<TokenSpecification> = {
  clientApp: PODS,
  evidence: { log: { match: { kind: 'usual' } }, reporters: [] },
};

interface Following extends Started {
  readonly log: FakeAppLogs;
}

/** Starts a token whose file a kubelet keeps. It has had its first token for a minute. */
async function following(given: Partial<TokenSpecification> = {}, world: Partial<World> = {}): Promise<Following> {
  const clock = world.clock ?? createFakeClock();
  const log = new FakeAppLogs(clock);
  const volume = { common: {}, mounted: true, nudge: undefined };
  const made = createWorld({ clock, logs: log, volume, ...world });
  made.endpoint.script(...Array.from({ length: 40 }, () => tokenResponse({ expiresIn: 24 * 3600 })));
  const started = await start(made, { specifications: [specification({ ...FOLLOWING, ...given })] });
  await started.clock.advance(minutes(1));
  return { ...started, log };
}

const evidence = (events: readonly ProcessEvent[]): readonly EvidenceEvent[] =>
  events.filter((event): event is EvidenceEvent => event.kind === 'evidence');

describe('a line that reports a rejected token', () => {
  it('leads to one new token, which is stored, and to a line of the audit', async () => {
    const { log, clock, endpoint, only, stored, processEvents } = await following();
    const rejected = only().cycle.held.token?.sha256;
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
    expect(stored()?.previousSha256).toEqual([rejected]);
    expect(evidence(processEvents)).toMatchObject([
      {
        identity: { name: 'dynamics' },
        source: { by: 'log', pod: 'billing-app-1', container: 'app' },
        result: 'reissued',
        rejected,
      },
    ]);
  });

  it.each([
    [true, 1],
    [false, 0],
  ])(
    'leaves the token before valid for 120 s, then has it revoked only with revokePrevious: %s',
    async (revokePrevious, revoked) => {
      const { log, clock, endpoint } = await following({ revokePrevious });
      log.write(REJECTED);
      await clock.advance(seconds(110));
      expect(endpoint.revoked).toHaveLength(0);
      await clock.advance(seconds(30));
      expect(endpoint.revoked).toHaveLength(revoked);
    },
  );

  it('leads to none where it is older than the token', async () => {
    const { log, clock, endpoint } = await following();
    log.write(REJECTED, clock.now() - minutes(2));
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(1);
  });

  it('leads to none where it names the token before', async () => {
    const { log, clock, endpoint, only } = await following();
    const before = only().cycle.held.token?.sha256;
    log.write(REJECTED);
    await clock.advance(minutes(5));
    log.write(`${REJECTED} rejected_sha256=${before}`);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('leads to one after a flood, and to no other before the file can have followed', async () => {
    const { log, clock, endpoint } = await following();
    for (let second = 0; second < 119; second += 1) {
      for (let count = 0; count < 100; count += 1) log.write(REJECTED);
      await clock.advance(seconds(1));
    }
    expect(endpoint.requests).toHaveLength(2);
    for (let second = 0; second < 10; second += 1) {
      log.write(REJECTED);
      await clock.advance(seconds(1));
    }
    expect(endpoint.requests).toHaveLength(3);
  });

  it('waits for the file 10 s with the nudge', async () => {
    const volume = { common: {}, mounted: true, nudge: { nudge: () => Promise.resolve(undefined) } };
    const { log, clock, endpoint } = await following({}, { volume });
    log.write(REJECTED);
    await clock.advance(seconds(9));
    log.write(REJECTED);
    await clock.advance(seconds(2));
    expect(endpoint.requests).toHaveLength(2);
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(3);
  });

  it('waits for the file as long as without the nudge where that fails', async () => {
    const volume = { common: {}, mounted: true, nudge: { nudge: () => Promise.resolve('It is not permitted.') } };
    const { log, clock, endpoint } = await following({}, { volume });
    log.write(REJECTED);
    await clock.advance(seconds(60));
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('leads to ever fewer tokens where the gateway rejects each of them', async () => {
    const { log, clock, endpoint } = await following();
    for (let second = 0; second < 3600; second += 5) {
      log.write(REJECTED);
      await clock.advance(seconds(5));
    }
    // After 0, 2, 4, 8, 16 and 30 min.
    expect(endpoint.requests.length).toBeLessThan(8);
    expect(endpoint.requests.length).toBeGreaterThan(4);
  });

  it('begins no request that the pause after a failure forbids', async () => {
    const { log, clock, endpoint, processEvents } = await following();
    endpoint.script(
      ...Array.from({ length: 9 }, () => new TokenRequestError('invalid_client', 'No.', { progress: 'answered' })),
    );
    const before = endpoint.requests.length;
    for (let second = 0; second < 25; second += 1) {
      for (let count = 0; count < 50; count += 1) log.write(REJECTED);
      await clock.advance(seconds(1));
    }
    expect(endpoint.requests.length - before).toBeLessThanOrEqual(2);
    expect(evidence(processEvents).length).toBeLessThanOrEqual(3);
  });

  it('is not for a token that is not stored yet, which is in no file', async () => {
    const { log, clock, endpoint, store } = await following();
    store.fail(new StoreError('The store is unavailable.'));
    log.write(REJECTED);
    await clock.advance(minutes(5));
    expect(endpoint.requests).toHaveLength(2);
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
    store.heal();
    await clock.advance(minutes(4));
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(3);
  });

  it('is passed over where reading lines takes too much time, and counted', async () => {
    const fake = createFakeClock();
    let slowness = 0;
    let spent = 0;
    const clock = { ...fake, monotonic: () => fake.monotonic() + (spent += slowness) };
    const { log, acquirer, endpoint } = await following({}, { clock });
    slowness = 30;
    // Of 30 ms each, so that the fifth begins after 100 ms.
    for (let count = 0; count < 10; count += 1) log.write(`401 ${count}`);
    slowness = 0;
    expect(conditionsOf(acquirer)[0]?.evidence).toEqual({ lines: 10, matches: 0, dropped: 6 });
    await clock.advance(seconds(2));
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
  });
});

describe('the log of a client app', () => {
  it('is followed where the configuration asks for it, as it asks for it', async () => {
    const { log, acquirer } = await following({ evidence: undefined });
    expect(log.followed).toEqual([]);
    acquirer.apply([specification(FOLLOWING)]);
    expect(log.followed).toEqual([PODS]);
    const one = { container: 'app', match: { kind: 'usual' } } as const;
    acquirer.apply([specification({ ...FOLLOWING, evidence: { log: one, reporters: [] } })]);
    expect(log.followed).toEqual([{ ...PODS, container: 'app' }]);
    acquirer.apply([]);
    expect(log.followed).toEqual([]);
  });

  it('is left when the process stops', async () => {
    const { log, acquirer } = await following();
    expect(log.followed).toHaveLength(1);
    void acquirer.stop();
    expect(log.followed).toEqual([]);
  });

  it('has a condition, which an event reports as it becomes unhealthy', async () => {
    const { log, only, kinds } = await following();
    const condition = () => only().cycle.status.get('EvidenceFollowed');
    expect(condition()).toBeUndefined();
    log.report({ followed: 0, running: undefined });
    expect(condition()).toBeUndefined();
    log.report({ followed: 2, running: 3 });
    expect(condition()).toMatchObject({ status: true, reason: 'LogFollowed' });
    expect(condition()?.message).toBe('The log of 2 of 3 running pods is followed.');
    log.report({ followed: 0, running: 0 });
    expect(condition()).toMatchObject({ status: true, reason: 'NoPodRuns' });
    const fault = { reason: 'LogForbidden', message: 'Allow it by a Role.' } as const;
    log.report({ followed: 2, running: 2, fault });
    log.report({ followed: 2, running: 2, fault });
    expect(condition()).toMatchObject({ status: false, reason: 'LogForbidden' });
    expect(condition()?.message).toBe('The log of the client app is not followed. Allow it by a Role.');
    expect(kinds().filter((kind) => kind === 'evidence-not-followed')).toHaveLength(1);
    log.report({ followed: 2, running: 4, fault: { reason: 'LogsExhausted', message: 'Only 2 of 4 logs.' } });
    expect(condition()).toMatchObject({ status: false, reason: 'LogsExhausted', message: 'Only 2 of 4 logs.' });
  });

  it('loses its condition with the configuration', async () => {
    const { log, only, acquirer } = await following();
    log.report({ followed: 1, running: 1 });
    acquirer.apply([specification({ clientApp: PODS })]);
    expect(only().cycle.status.get('EvidenceFollowed')).toBeUndefined();
  });

  it('is in the status with what it led to, and without a word of it', async () => {
    const { log, acquirer, clock } = await following();
    log.write('a line with a password');
    log.write(`${REJECTED} and a password`);
    await clock.advance(seconds(1));
    const [report] = statusOf(acquirer, true, clock.now()).tokens;
    expect(report?.evidence).toEqual({
      log: { lines: 2, matches: 1, dropped: 0 },
      last: { at: expect.any(String) as string, source: 'log', result: 'reissued' },
    });
    expect(JSON.stringify(report)).not.toContain('password');
  });

  it('keeps a client app from being suspended, because it writes', async () => {
    const { log, clock, only, execution } = await following();
    execution.set('stopped');
    log.write(REJECTED);
    await clock.advance(seconds(1));
    expect(only().cycle.status.get('Suspended')?.status).not.toBe(true);
  });
});

describe('a report of a gateway', () => {
  const call = { id: '1', remote: '10.0.0.9', caller: 'gateway', pod: undefined };

  it('that is denied leaves what an earlier report has led to in the meantime', async () => {
    const { only, clock, endpoint } = await following();
    const { evidence: reports, cycle } = only();
    const report = (admission?: Admission) => {
      const rejected = cycle.held.token?.sha256 ?? '';
      return reports.report({ at: clock.now(), rejected }, { by: 'gateway', call }, { admission });
    };
    endpoint.hold();
    await report();
    await clock.advance(seconds(2));
    const admitted = Promise.withResolvers<{ readonly retryAfter: number }>();
    const denied = report(() => admitted.promise);
    endpoint.release();
    await clock.advance(500);
    expect(endpoint.requests).toHaveLength(2);
    admitted.resolve({ retryAfter: 1000 });
    expect(await denied).toEqual({ kind: 'denied', retryAfter: 1000 });
    // The new token is rejected as well, so its report waits.
    expect(await report()).toEqual({ kind: 'ignored' });
  });

  it('says nothing about whether the client app runs', async () => {
    const { only, clock, endpoint, execution } = await following();
    execution.set('stopped');
    await clock.advance(seconds(31));
    expect(only().cycle.status.get('Suspended')?.status).toBe(true);
    const rejected = only().cycle.held.token?.sha256 ?? '';
    const reported = only().evidence.report({ at: clock.now(), rejected }, { by: 'gateway', call });
    await clock.advance(seconds(1));
    expect(await reported).toEqual({ kind: 'started' });
    expect(endpoint.requests).toHaveLength(2);
    await clock.advance(seconds(31));
    expect(only().cycle.status.get('Suspended')?.status).toBe(true);
  });
});
