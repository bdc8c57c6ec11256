import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256, type Token } from '../../src/core/token.ts';
import { toVolumeData, type VolumeData } from '../../src/core/token-volume.ts';
import { afterAdoption } from '../../src/token-acquirer/token/last-revocation.ts';
import type { TokenCycle } from '../../src/token-acquirer/token/token-cycle.ts';
import { FakeTokenEndpoint, tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, seconds, specification, start } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const SPECIFICATION = specification({ renewal: { at: 0.9 } });
const NOTHING: Promise<VolumeData> = Promise.resolve({});

const down = (): TokenRequestError =>
  new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });
const refused = (): TokenRequestError =>
  new TokenRequestError('invalid_client', 'The server answered invalid_client.', { progress: 'answered' });

async function open(specifications = [SPECIFICATION]) {
  const endpoint = new FakeTokenEndpoint();
  const started = await start(createWorld({ endpoint }), { specifications });
  await started.clock.advance(seconds(2));
  const limit = new AbortController();
  const revocationEvents = (): string[] =>
    started.events.flatMap(({ event }) => {
      if (event.kind === 'token-revoked') return ['revoked'];
      return event.kind === 'revocation-failed' ? [`${event.result}: ${event.message}`] : [];
    });
  /** As at the end of an AccessToken: the token is no longer among those that are worked on. */
  const end = (data = NOTHING): Promise<void> => {
    const done = started.acquirer.revokeLast(SPECIFICATION, data, limit.signal);
    started.acquirer.apply(specifications.slice(1));
    return done;
  };
  return { ...started, endpoint, limit, revocationEvents, end };
}

function tokenFrom(now: number, lifetime = seconds(60)): Token {
  const accessToken = secret('access-token');
  return {
    accessToken: new Redacted(accessToken),
    tokenType: 'Bearer',
    scope: '',
    issuedAt: now,
    renewAt: now + lifetime,
    expiresAt: now + lifetime,
    generation: 1,
    sha256: sha256(accessToken),
    previousSha256: [],
  };
}

describe('the last token of an AccessToken', () => {
  it('is revoked, and its keys are removed', async () => {
    const { only, end, clock, endpoint, revocationEvents, store } = await open();
    const token = only().cycle.held.token?.accessToken.reveal();
    await Promise.all([end(), clock.advance(seconds(1))]);
    expect(endpoint.revoked).toEqual([token]);
    expect(revocationEvents()).toEqual(['revoked']);
    expect(store.data(SPECIFICATION.identity)).toEqual({});
  });

  it('is revoked once, although it is also in the Secret', async () => {
    const { only, end, clock, endpoint, store } = await open();
    const token = only().cycle.held.token?.accessToken.reveal();
    const data = Promise.resolve(store.data(SPECIFICATION.identity));
    await Promise.all([end(data), clock.advance(seconds(1))]);
    expect(endpoint.revoked).toEqual([token]);
  });

  it('is the one of the Secret, where no process works on it', async () => {
    const { clock, acquirer, endpoint, limit, end } = await open();
    await Promise.all([end(), clock.advance(seconds(1))]);
    endpoint.revoked.length = 0;
    const token = tokenFrom(clock.now());
    const data = Promise.resolve(toVolumeData(SPECIFICATION.key, token));
    await Promise.all([acquirer.revokeLast(SPECIFICATION, data, limit.signal), clock.advance(seconds(1))]);
    expect(endpoint.revoked).toEqual([token.accessToken.reveal()]);
  });

  it.each([
    ['an expired token', (now: number): VolumeData => toVolumeData('dynamics', tokenFrom(now - seconds(90)))],
    ['no token', (): VolumeData => ({ dynamics: 'anything' })],
    ['nothing', (): VolumeData => ({})],
  ])('does not exist where the Secret has %s', async (_, dataAt) => {
    const { clock, acquirer, endpoint, limit, end, revocationEvents, events } = await open();
    await Promise.all([end(), clock.advance(seconds(1))]);
    endpoint.revoked.length = 0;
    events.length = 0;
    const data = Promise.resolve(dataAt(clock.now()));
    await Promise.all([acquirer.revokeLast(SPECIFICATION, data, limit.signal), clock.advance(seconds(1))]);
    expect(endpoint.revoked).toEqual([]);
    expect(revocationEvents()).toEqual([]);
  });

  it('is the one that was just being requested', async () => {
    const endpoint = new FakeTokenEndpoint().hold();
    const late = tokenResponse();
    endpoint.script(late);
    const { acquirer, clock, store } = await start(createWorld({ endpoint }), { specifications: [SPECIFICATION] });
    await clock.advance(seconds(1));
    expect(endpoint.inFlight).toBe(1);
    const done = acquirer.revokeLast(SPECIFICATION, NOTHING, new AbortController().signal);
    acquirer.apply([]);
    await clock.advance(seconds(3));
    expect(endpoint.revoked).toEqual([]);
    endpoint.release();
    await Promise.all([done, clock.advance(seconds(1))]);
    expect(endpoint.revoked).toEqual([late.accessToken.reveal()]);
    expect(store.data(SPECIFICATION.identity)).toEqual({});
  });

  it('stays valid where it is still being requested at the end of the time', async () => {
    const { end, limit, endpoint, revocationEvents, only, clock } = await open();
    endpoint.hold();
    await clock.advance(seconds(55));
    expect(only().cycle.requests.inFlight).toBeDefined();
    const done = end();
    limit.abort();
    await Promise.all([done, clock.settle()]);
    expect(revocationEvents().join()).toMatch(
      /^failed: .* so it stays valid until it expires\. The time for it is over\.$/,
    );
    endpoint.release();
  });

  it('is tried again while the server is unavailable', async () => {
    const { end, clock, endpoint, revocationEvents } = await open();
    endpoint.revocation = down();
    const done = end();
    await clock.advance(seconds(4));
    expect(revocationEvents()).toEqual([]);
    endpoint.revocation = true;
    await Promise.all([done, clock.advance(seconds(2))]);
    expect(endpoint.revoked).toHaveLength(1);
    expect(revocationEvents()).toEqual(['revoked']);
  });

  it('stays valid until its expiry where the time is over, and that is reported', async () => {
    const { end, clock, endpoint, limit, revocationEvents, only } = await open();
    endpoint.revocation = down();
    const expiry = new Date(only().cycle.held.token?.expiresAt ?? 0).toISOString();
    const done = end();
    await clock.advance(seconds(9));
    limit.abort();
    await Promise.all([done, clock.settle()]);
    expect(revocationEvents()).toEqual([
      `failed: The AccessToken was deleted, but its token was not revoked, so it stays valid until ${expiry}. The time for it is over. The server cannot be reached.`,
    ]);
    await clock.advance(seconds(20));
    expect(revocationEvents()).toHaveLength(1);
  });

  it.each([
    ['rejects it', refused(), /^failed: .*The server answered invalid_client\.$/],
    ['has no way to revoke', false, /^unsupported: .*The authorization server names no way to revoke a token\.$/],
  ])('stays valid where the server %s, after one attempt', async (_, revocation, sentence) => {
    const { end, clock, endpoint, revocationEvents } = await open();
    endpoint.revocation = revocation;
    await Promise.all([end(), clock.advance(seconds(1))]);
    expect(revocationEvents().join()).toMatch(sentence);
  });

  it('stays valid where another token is the same', async () => {
    const shared = tokenResponse();
    const endpoint = new FakeTokenEndpoint();
    endpoint.script(shared, shared);
    const other = specification({ identity: { ...SPECIFICATION.identity, secret: 'other' } });
    const { acquirer, clock, events } = await start(createWorld({ endpoint }), {
      specifications: [SPECIFICATION, other],
    });
    await clock.advance(seconds(3));
    const done = acquirer.revokeLast(SPECIFICATION, NOTHING, new AbortController().signal);
    acquirer.apply([other]);
    await Promise.all([done, clock.advance(seconds(1))]);
    expect(endpoint.revoked).toEqual([]);
    const [failed] = events.flatMap(({ event }) => (event.kind === 'revocation-failed' ? [event.message] : []));
    expect(failed).toContain('Another token of the configuration has the same access token.');
  });

  it('stays valid where another token is the same, which is read only later than the end begins', async () => {
    const world = createWorld();
    const token = tokenFrom(world.clock.now());
    const data = toVolumeData('dynamics', token);
    const other = specification({ identity: { ...SPECIFICATION.identity, secret: 'other' } });
    world.store.edit(other.identity, data);
    world.store.fail(new StoreError('The store is unavailable.'));
    const { acquirer, clock, events, endpoint } = await start(world, { specifications: [other] });
    const cycles = (): TokenCycle[] => [...acquirer.acquisitions].map(({ cycle }) => cycle);
    const known = afterAdoption(Promise.resolve(data), SPECIFICATION, cycles);
    const done = acquirer.revokeLast(SPECIFICATION, known, new AbortController().signal);
    await clock.settle();
    expect(events.map(({ event }) => event.kind)).not.toContain('revocation-failed');
    world.store.heal();
    await Promise.all([done, clock.advance(seconds(2))]);
    expect(endpoint.revoked).toEqual([]);
    const [failed] = events.flatMap(({ event }) => (event.kind === 'revocation-failed' ? [event.message] : []));
    expect(failed).toContain('Another token of the configuration has the same access token.');
  });

  it.each([
    ['of another server', { isAsleep: false, specification: specification({ authorizationServer: 'partner' }) }],
    ['that another process works on', { isAsleep: true, specification: SPECIFICATION }],
  ])('does not wait for a token %s', async (_, cycle) => {
    const never = new Promise<void>(() => undefined);
    const data = { dynamics: 'anything' };
    const known = afterAdoption(Promise.resolve(data), SPECIFICATION, () => [{ ...cycle, adopted: never }]);
    await expect(known).resolves.toBe(data);
  });
});
