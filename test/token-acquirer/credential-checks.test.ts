import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { SelectedPods } from '../../src/ports/execution-state.ts';
import type { CheckReport } from '../../src/token-acquirer/token/credential-checks.ts';
import { FakeExecutionState } from '../fakes/fake-execution-state.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const PODS: SelectedPods = { namespace: 'billing', selector: 'app=billing' };
const NAME = 'billing/billing-tokens/dynamics';

const refused = (code: 'invalid_client' | 'invalid_scope' = 'invalid_client'): TokenRequestError =>
  new TokenRequestError(code, `The server answered ${code}.`, { progress: 'answered' });
const down = (): TokenRequestError =>
  new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });

/** A world in which only checks send requests. */
const startSuspended = (
  world: World = createWorld({ execution: new FakeExecutionState('stopped') }),
): Promise<Started> => start(world, { specifications: [specification({ clientApp: PODS })] });

async function check(started: Started, name = 'dynamics'): Promise<CheckReport> {
  const pending = started.acquirer.checks.check(name);
  // Where it waits for its turn.
  await started.clock.advance(seconds(1));
  const [report, ...others] = await pending;
  if (report === undefined || others.length > 0) throw new Error('There is not one report.');
  return report;
}

describe('the check of a credential', () => {
  it('sends one token request, revokes the token, stores nothing and holds nothing', async () => {
    const started = await startSuspended();
    const token = secret('checked');
    started.endpoint.script(tokenResponse({ accessToken: new Redacted(token) }));
    const report = await check(started);
    expect(report).toMatchObject({ token: NAME, outcome: 'accepted' });
    expect(report.message).toContain('That token was revoked, and stored nowhere.');
    expect(started.endpoint.requests).toHaveLength(1);
    expect(started.endpoint.revoked).toEqual([token]);
    expect(started.store.writes).toEqual([]);
    expect(started.only().cycle.held.token).toBeUndefined();
  });

  it('says where only the second secret was accepted', async () => {
    const started = await startSuspended();
    started.endpoint.script(tokenResponse({ nextSecret: true }));
    const { outcome, message } = await check(started);
    expect(outcome).toBe('accepted');
    expect(message).toContain('It rejected client_secret and accepted client_secret_next');
  });

  describe('with a second secret', () => {
    const client_secret = secret('first-secret');
    const client_secret_next = secret('second-secret');
    async function startWithTwo(takesNextSecret = true): Promise<Started> {
      const world = createWorld({ execution: new FakeExecutionState('stopped') });
      world.credentials.set('dynamics', { client_id: 'billing', client_secret, client_secret_next });
      const neededKeys = ['client_id', 'client_secret'] as const;
      return start(world, { specifications: [specification({ clientApp: PODS, neededKeys, takesNextSecret })] });
    }
    async function checkTwice(started: Started): Promise<CheckReport> {
      const pending = started.acquirer.checks.check('dynamics');
      for (let turn = 0; turn < 3; turn += 1) await started.clock.advance(seconds(1));
      const [report] = await pending;
      if (report === undefined) throw new Error('There is no report.');
      return report;
    }
    const sent = ({ endpoint }: Started): (string | undefined)[] =>
      endpoint.requests.map(({ credential }) => credential.values.client_secret?.reveal());

    it('tries both, and revokes both tokens', async () => {
      const started = await startWithTwo();
      const { outcome, message } = await checkTwice(started);
      expect(outcome).toBe('accepted');
      expect(message).toContain('It accepted client_secret_next, too.');
      expect(sent(started)).toEqual([client_secret, client_secret_next]);
      expect(started.endpoint.revoked).toHaveLength(2);
    });

    it('fails where only the first is accepted, and does not try the second again immediately', async () => {
      const started = await startWithTwo();
      started.endpoint.script(tokenResponse(), refused());
      const first = await checkTwice(started);
      expect(first.outcome).toBe('failed');
      expect(first.message).toContain('accepted it');
      expect(first.message).toContain('client_secret_next was tried without success. invalid_client');
      const again = await checkTwice(started);
      expect(again.outcome).toBe('withheld');
      expect(sent(started)).toEqual([client_secret, client_secret_next, client_secret]);
    });

    it('tries no second secret where no token request sends it', async () => {
      const started = await startWithTwo(false);
      const { outcome, message } = await checkTwice(started);
      expect(outcome).toBe('accepted');
      expect(message).not.toContain('client_secret_next');
      expect(sent(started)).toEqual([client_secret]);
    });

    it('tries no second secret after a rejection, or where the server took it already', async () => {
      const started = await startWithTwo();
      started.endpoint.script(tokenResponse({ nextSecret: true }));
      expect((await checkTwice(started)).outcome).toBe('accepted');
      started.endpoint.script(refused());
      expect((await checkTwice(started)).outcome).toBe('failed');
      expect(started.endpoint.requests).toHaveLength(2);
    });
  });

  it('is logged, with its result and without any secret', async () => {
    const started = await startSuspended();
    await check(started);
    const [event] = started.processEvents;
    expect(event).toMatchObject({
      kind: 'credential-checked',
      credential: 'dynamics',
      token: NAME,
      result: 'accepted',
    });
  });

  it.each<[string, boolean | TokenRequestError, string]>([
    ['the server cannot revoke', false, 'names no revocation endpoint'],
    ['the revocation fails', down(), 'could not be revoked. The server cannot be reached.'],
  ])('succeeds if %s', async (_what, revocation, words) => {
    const started = await startSuspended();
    started.endpoint.revocation = revocation;
    const report = await check(started);
    expect(report.outcome).toBe('accepted');
    expect(report.message).toContain(words);
  });

  it('ends the rejection of a token that is not due', async () => {
    const started = await start(createWorld());
    await started.clock.advance(seconds(2));
    started.endpoint.script(refused());
    const { cycle, reissues } = started.only();
    const reissue = reissues.reissue(cycle.held.token?.sha256 ?? '', async () => undefined);
    await started.clock.advance(seconds(1));
    expect((await reissue).result).toBe('failed');
    // As long as nobody corrects or checks anything, the rejection stays.
    await started.clock.advance(seconds(35));
    expect(cycle.status.get('Renewed')).toMatchObject({ status: false, reason: 'InvalidClient' });
    expect((await check(started)).outcome).toBe('accepted');
    await started.clock.advance(seconds(1));
    expect(cycle.status.get('Renewed')).toBeUndefined();
  });

  it('reports the error of the server', async () => {
    const started = await startSuspended();
    started.endpoint.script(refused());
    const report = await check(started);
    expect(report.outcome).toBe('failed');
    expect(report.message).toContain('invalid_client: The server answered invalid_client.');
    expect(started.endpoint.revoked).toEqual([]);
  });

  it('reports a missing key of the credential, and sends nothing', async () => {
    const started = await startSuspended();
    started.credentials.remove('dynamics');
    const report = await check(started);
    expect(report.message).toContain('credential_unreadable: There is no credential folder dynamics.');
    expect(started.endpoint.requests).toEqual([]);
  });

  it('sends the request of a token by its name', async () => {
    const world = createWorld({ execution: new FakeExecutionState('stopped') });
    const identity = { namespace: 'billing', secret: 'billing-tokens', name: 'crm' };
    const specifications = [
      specification({ clientApp: PODS }),
      specification({ identity, clientApp: PODS, parameters: { scope: 'crm' } }),
    ];
    const started = await start(world, { specifications });
    await check(started, 'billing/billing-tokens/crm');
    expect(started.endpoint.requests.map(({ parameters }) => parameters)).toEqual([{ scope: 'crm' }]);
  });

  it('does not start for an unknown name, and lists the names', async () => {
    const started = await startSuspended();
    expect(await started.acquirer.checks.check('dynamic')).toEqual([]);
    expect(started.acquirer.checks.credentials).toEqual(['dynamics']);
  });

  it('spends no refresh token', async () => {
    const world = createWorld({ execution: new FakeExecutionState('stopped') });
    const started = await start(world, {
      specifications: [specification({ clientApp: PODS, grant: 'refresh_token' })],
    });
    const report = await check(started);
    expect(report.outcome).toBe('spending');
    expect(report.message).toContain('would spend the refresh token');
    expect(started.endpoint.requests).toEqual([]);
  });

  it('does not revoke the token in use, which some servers return again', async () => {
    const world = createWorld();
    const accessToken = new Redacted(secret('the same'));
    world.endpoint.script(tokenResponse({ accessToken }), tokenResponse({ accessToken }));
    const started = await start(world);
    const report = await check(started);
    expect(report.message).toContain('It is the token that is in use already, so it was not revoked.');
    expect(started.endpoint.revoked).toEqual([]);
    expect(started.only().cycle.held.isLive()).toBe(true);
  });

  it('does not revoke a stored token that a new process has not read yet', async () => {
    const world = createWorld();
    const first = await start(world);
    const accessToken = first.only().cycle.held.token?.accessToken;
    if (accessToken === undefined) throw new Error('There is no token.');
    await first.acquirer.stop();
    world.store.fail(new StoreError('The store is unavailable.'), 1);
    const started = await start(world);
    expect(started.only().cycle.held.token).toBeUndefined();
    started.endpoint.script(tokenResponse({ accessToken }));
    const report = await check(started);
    expect(report.message).toContain('in use already');
    expect(started.endpoint.revoked).toEqual([]);
  });

  it('does not revoke the previous token, which clients may still have', async () => {
    const world = createWorld();
    const accessToken = new Redacted(secret('the one before'));
    world.endpoint.script(tokenResponse({ accessToken }), tokenResponse(), tokenResponse({ accessToken }));
    const started = await start(world);
    await started.clock.advance(seconds(42));
    expect(started.endpoint.requests).toHaveLength(2);
    expect((await check(started)).message).toContain('in use already');
  });

  it('changes neither the held token nor its renewal', async () => {
    const started = await start(createWorld());
    const before = started.stored();
    started.endpoint.script(refused());
    expect((await check(started)).outcome).toBe('failed');
    expect(started.stored()).toEqual(before);
    expect(started.only().cycle.status.lastError).toBeUndefined();
    await started.clock.advance(seconds(41));
    expect(started.stored()?.previousSha256).toEqual([before?.sha256]);
  });
});

describe('a loop of checks', () => {
  /** Returns the requests of one check per second for a time. */
  async function loop(started: Started, during: number): Promise<number> {
    const before = started.endpoint.requests.length;
    for (let second = 0; second < during / 1000; second += 1) await check(started);
    return started.endpoint.requests.length - before;
  }
  const always = <Answer>(answer: Answer): Answer[] => Array.from({ length: 1000 }, () => answer);

  it('has pauses of 30 s, 60 s and longer if the server rejects the credential', async () => {
    const started = await startSuspended();
    started.endpoint.script(...always(refused()));
    expect(await loop(started, seconds(25))).toBe(1);
    expect(await loop(started, minutes(10))).toBeLessThanOrEqual(5);
  });

  it('locks no account if the credential was accepted before', async () => {
    const started = await startSuspended();
    expect((await check(started)).outcome).toBe('accepted');
    started.endpoint.script(...always(refused()));
    expect(await loop(started, minutes(10))).toBeLessThanOrEqual(5);
    expect((await check(started)).message).toMatch(/was not tried .* Try again in \d+m?\d*s?/);
  });

  it('locks no account if only the scope is wrong', async () => {
    const started = await startSuspended();
    started.endpoint.script(...always(refused('invalid_scope')));
    expect(await loop(started, minutes(10))).toBeLessThanOrEqual(6);
  });

  it('locks no account while the token itself pauses after a rejection', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse(), ...always(refused()));
    const started = await start(world);
    await started.clock.advance(seconds(42));
    expect(started.endpoint.requests).toHaveLength(2);
    const report = await check(started);
    expect(report.outcome).toBe('withheld');
    expect(report.message).toContain('The server answered invalid_client.');
    expect(started.endpoint.requests).toHaveLength(2);
  });

  it('delays the next renewal of an untried credential after a rejected check', async () => {
    const started = await startSuspended();
    started.endpoint.script(refused());
    await check(started);
    started.execution.set('running');
    await started.clock.advance(seconds(10));
    expect(started.endpoint.requests).toHaveLength(1);
    expect(started.only().cycle.status.lastError?.code).toBe('invalid_client');
    await started.clock.advance(seconds(40));
    expect(started.stored()).toBeDefined();
  });

  it('tries other values immediately', async () => {
    const started = await startSuspended();
    started.endpoint.script(refused());
    expect((await check(started)).outcome).toBe('failed');
    expect((await check(started)).outcome).toBe('withheld');
    started.credentials.set('dynamics', { client_id: 'billing', client_secret: secret('right') });
    expect((await check(started)).outcome).toBe('accepted');
  });

  it('shares one request among concurrent checks', async () => {
    const started = await startSuspended();
    started.endpoint.hold();
    const pending = Array.from({ length: 50 }, () => started.acquirer.checks.check('dynamics'));
    await started.clock.settle();
    started.endpoint.release();
    const reports = await Promise.all(pending);
    expect(new Set(reports.map(([report]) => report?.outcome))).toEqual(new Set(['accepted']));
    expect(started.endpoint.requests).toHaveLength(1);
  });

  it('sends accepted checks a second apart', async () => {
    const started = await startSuspended();
    await started.acquirer.checks.check('dynamics');
    const second = started.acquirer.checks.check('dynamics');
    await started.clock.settle();
    expect(started.endpoint.requests).toHaveLength(1);
    await started.clock.advance(seconds(1));
    await second;
    expect(started.endpoint.requests).toHaveLength(2);
  });

  it('tries a server that is down again soon', async () => {
    const started = await startSuspended();
    started.endpoint.script(down());
    expect((await check(started)).outcome).toBe('failed');
    await started.clock.advance(seconds(1));
    expect((await check(started)).outcome).toBe('accepted');
  });
});

describe('a check that succeeds', () => {
  async function suspendedAfter(error: TokenRequestError): Promise<Started> {
    const world = createWorld();
    world.endpoint.script(error);
    const started = await startSuspended(world);
    world.execution.set('stopped');
    await started.clock.advance(minutes(11));
    expect(started.only().cycle.status.lastError?.code).toBe(error.code);
    return started;
  }

  it('ends the last error of a suspended token', async () => {
    const started = await suspendedAfter(refused());
    expect((await check(started)).outcome).toBe('accepted');
    expect(started.only().cycle.status.lastError).toBeUndefined();
    expect(started.only().cycle.status.get('Renewed')).toBeUndefined();
  });

  it('keeps the last error if the check fails', async () => {
    const started = await suspendedAfter(refused());
    started.endpoint.script(refused());
    expect((await check(started)).outcome).toBe('failed');
    expect(started.only().cycle.status.lastError?.code).toBe('invalid_client');
  });
});
