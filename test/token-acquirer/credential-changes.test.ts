import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError, UsageError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { SelectedPods } from '../../src/ports/execution-state.ts';
import { FakeExecutionState } from '../fakes/fake-execution-state.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { FakeTokenEndpoint, tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const PODS: SelectedPods = { namespace: 'billing', selector: 'app=billing' };
const ENDING = specification({
  onCredentialChange: 'reissue',
  revokePrevious: true,
  neededKeys: ['client_id', 'client_secret'],
});

const refused = (): TokenRequestError =>
  new TokenRequestError('invalid_client', 'The server answered invalid_client.', { progress: 'answered' });

/** Tokens that live for an hour. */
class LongLived extends FakeTokenEndpoint {
  readonly issued: string[] = [];

  override async request(...call: Parameters<FakeTokenEndpoint['request']>) {
    const response = await super.request(...call);
    this.issued.push(response.accessToken.reveal());
    return { ...response, expiresIn: 3600 };
  }
}

interface Opened {
  readonly started: Started;
  readonly endpoint: LongLived;
  change(values?: Readonly<Record<string, string>>): Promise<void>;
}

async function open(specifications = [ENDING], given: Partial<World> = {}): Promise<Opened> {
  const endpoint = new LongLived();
  const started = await start(createWorld({ endpoint, ...given }), { specifications });
  // The next request follows at least a second after the last one.
  await started.clock.advance(seconds(2));
  const change: Opened['change'] = async (values = { client_id: 'billing', client_secret: secret('next') }) => {
    started.credentials.set('dynamics', values);
    await started.clock.advance(seconds(1));
  };
  return { started, endpoint, change };
}

const named = (name: string, given = {}) => ({
  ...ENDING,
  identity: { namespace: 'billing', secret: 'billing-tokens', name },
  key: name,
  ...given,
});

const renewed = ({ only }: Started) => only().cycle.status.get('Renewed');

describe('a changed credential', () => {
  it('replaces its token, and has the old one revoked once the new one is stored', async () => {
    const { started, endpoint, change } = await open();
    const next = secret('next');
    await change({ client_id: 'billing', client_secret: next });
    const [old, fresh] = endpoint.issued;
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.requests.at(-1)?.credential.values.client_secret?.reveal()).toBe(next);
    expect(started.stored()?.accessToken.reveal()).toBe(fresh);
    expect(endpoint.revoked).toEqual([old]);
    const issued = started.events.filter(({ event }) => event.kind === 'token-issued').at(-1);
    expect(issued?.event).toMatchObject({ reason: 'CredentialChanged', trigger: 'renewal' });
    const order = started.kinds().filter((kind) => ['token-stored', 'token-revoked'].includes(kind));
    expect(order).toEqual(['token-stored', 'token-stored', 'token-revoked']);
    expect(started.only().cycle.status.get('ReplacedTokenRevoked')).toMatchObject({ status: true, reason: 'Revoked' });
  });

  it('replaces the token once', async () => {
    const { started, endpoint, change } = await open();
    await change();
    await started.clock.advance(minutes(10));
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.revoked).toHaveLength(1);
  });

  it.each<[what: string, act: (started: Started) => void]>([
    ['another interval', ({ credentials }) => credentials.setInterval('dynamics', minutes(30))],
    [
      'a key that no request sends',
      ({ credentials }) =>
        credentials.set('dynamics', { client_id: 'billing', client_secret: CLIENT_SECRET, username: 'svc' }),
    ],
    ['a wake without any change', ({ credentials }) => credentials.change('dynamics')],
    ['an incomplete credential', ({ credentials }) => credentials.set('dynamics', { client_id: 'billing' })],
    ['an unreadable credential', ({ credentials }) => credentials.fail('dynamics', new UsageError('Empty.'))],
    ['a disk that fails', ({ credentials }) => credentials.fail('dynamics', new StoreError('EIO'))],
  ])('is not %s', async (_what, act) => {
    const world = createWorld();
    world.credentials.set('dynamics', { client_id: 'billing', client_secret: CLIENT_SECRET });
    const { started, endpoint } = await open([ENDING], { credentials: world.credentials });
    act(started);
    await started.clock.advance(minutes(2));
    expect(endpoint.requests).toHaveLength(1);
    expect(endpoint.revoked).toEqual([]);
  });

  it('is noticed after a time in which it could not be read', async () => {
    const { started, endpoint, change } = await open();
    started.credentials.fail('dynamics', new StoreError('EIO'));
    await started.clock.advance(minutes(1));
    await change();
    expect(endpoint.issued).toHaveLength(2);
  });

  it('is none if the values come back before the token was replaced', async () => {
    const world = createWorld();
    const values = { client_id: 'billing', client_secret: CLIENT_SECRET };
    world.credentials.set('dynamics', values);
    const { started, endpoint, change } = await open([ENDING], { credentials: world.credentials });
    endpoint.script(refused());
    await change();
    expect(renewed(started)).toMatchObject({ status: false, reason: 'InvalidClient' });
    await change(values);
    expect(renewed(started)).toBeUndefined();
    expect(started.only().cycle.status.lastError).toBeUndefined();
    await started.clock.advance(minutes(2));
    expect(endpoint.issued).toHaveLength(1);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is none if the values come back during the request, which then fails', async () => {
    const world = createWorld();
    const values = { client_id: 'billing', client_secret: CLIENT_SECRET };
    world.credentials.set('dynamics', values);
    const { started, endpoint, change } = await open([ENDING], { credentials: world.credentials });
    endpoint.script(refused()).hold();
    await change();
    await change(values);
    endpoint.release();
    await started.clock.advance(seconds(2));
    expect(started.kinds()).toContain('token-request-failed');
    expect(renewed(started)).toBeUndefined();
    expect(endpoint.requests).toHaveLength(2);
  });

  it('keeps its token if the configuration does not ask for another', async () => {
    const { started, endpoint, change } = await open([{ ...ENDING, onCredentialChange: 'keep' }]);
    await change();
    await started.clock.advance(minutes(2));
    expect(endpoint.requests).toHaveLength(1);
    expect(endpoint.revoked).toEqual([]);
  });

  it('ends no valid token if it is wrong, and is tried with the usual pauses', async () => {
    const { started, endpoint, change } = await open();
    endpoint.script(refused(), refused());
    await change();
    await started.clock.advance(seconds(20));
    const [old] = endpoint.issued;
    expect(started.stored()?.accessToken.reveal()).toBe(old);
    expect(endpoint.revoked).toEqual([]);
    expect(endpoint.requests).toHaveLength(2);
    await started.clock.advance(minutes(3));
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.revoked).toEqual([old]);
  });

  it('is tried immediately once it is corrected, also if the wrong one was still on its way', async () => {
    const { started, endpoint, change } = await open();
    endpoint.script(refused()).hold();
    await change();
    await change({ client_id: 'billing', client_secret: secret('right') });
    endpoint.release();
    await started.clock.advance(seconds(3));
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.revoked).toEqual([endpoint.issued[0]]);
  });

  it('that changes again during the request is used for another token', async () => {
    const { started, endpoint, change } = await open();
    endpoint.hold();
    await change();
    await change();
    endpoint.release();
    await started.clock.advance(seconds(3));
    expect(endpoint.issued).toHaveLength(3);
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 2));
  });

  it('replaces and revokes also the token of a client app that does not run, which stays suspended', async () => {
    const execution = new FakeExecutionState('running');
    const { started, endpoint, change } = await open([{ ...ENDING, clientApp: PODS }], { execution });
    execution.set('stopped');
    await started.clock.advance(minutes(1));
    expect(started.only().cycle.status.get('Suspended')?.status).toBe(true);
    await change();
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.revoked).toEqual([endpoint.issued[0]]);
    expect(started.only().cycle.status.get('Suspended')?.status).toBe(true);
    expect(started.kinds()).not.toContain('resumed');
  });

  it('requests nothing for a client app that has no token and does not run', async () => {
    const execution = new FakeExecutionState('stopped');
    const { endpoint, change } = await open([{ ...ENDING, clientApp: PODS }], { execution });
    await change();
    expect(endpoint.requests).toEqual([]);
  });

  it('replaces 50 tokens in a few seconds, one to try it and the others together', async () => {
    const all = Array.from({ length: 50 }, (_, index) => named(`token-${index}`));
    const { started, endpoint, change } = await open(all);
    const old = [...endpoint.issued];
    endpoint.highestInFlight = 0;
    await change();
    await started.clock.advance(seconds(1));
    expect(endpoint.issued).toHaveLength(100);
    expect(endpoint.revoked.toSorted()).toEqual(old.toSorted());
    expect(endpoint.highestInFlight).toBeLessThanOrEqual(20);
  });

  it('sends a wrong credential of 50 tokens once', async () => {
    const all = Array.from({ length: 50 }, (_, index) => named(`token-${index}`));
    const { started, endpoint, change } = await open(all);
    endpoint.script(refused());
    await change();
    await started.clock.advance(seconds(10));
    expect(endpoint.requests).toHaveLength(51);
    expect(endpoint.revoked).toEqual([]);
  });

  it('leaves a token alone that the server gives again', async () => {
    const { started, endpoint, change } = await open();
    const [same = ''] = endpoint.issued;
    endpoint.script(tokenResponse({ accessToken: new Redacted(same) }));
    await change();
    await started.clock.advance(minutes(5));
    expect(started.stored()?.accessToken.reveal()).toBe(same);
    expect(endpoint.revoked).toEqual([]);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is left to the leader, whose token is kept after a takeover', async () => {
    const leadership = new FakeLeadership('following');
    const first = await open();
    const { store, clock, credentials } = first.started;
    const second = await open([ENDING], { store, clock, credentials, leadership });
    await first.change();
    await clock.advance(minutes(1));
    expect([first.endpoint.issued.length, second.endpoint.issued.length]).toEqual([2, 0]);
    await first.started.acquirer.stop();
    leadership.become('leading');
    await clock.advance(minutes(1));
    expect(second.started.only().cycle.held.token?.sha256).toBe(first.started.stored()?.sha256);
    expect(second.endpoint.issued).toHaveLength(0);
  });

  it('is not seen in a stored token of an earlier process', async () => {
    const { started, endpoint } = await open();
    await started.acquirer.stop();
    started.credentials.set('dynamics', { client_id: 'billing', client_secret: secret('next') });
    const { clock, store, credentials } = started;
    const second = await open([ENDING], { clock, store, credentials });
    await second.started.clock.advance(minutes(1));
    expect(second.endpoint.requests).toEqual([]);
    await second.change();
    expect(second.endpoint.issued).toHaveLength(1);
    expect(second.endpoint.revoked).toEqual(endpoint.issued);
  });
});

const CLIENT_SECRET = secret('client-secret');
