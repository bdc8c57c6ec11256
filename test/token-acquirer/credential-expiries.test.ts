import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { createWorld, minutes, seconds, specification, start } from '../support/acquirer.ts';

const END = '2027-01-31T12:00:00Z';
const KNOWN = [{ credential: 'dynamics', at: Date.parse(END) }];

function worldWith(expiresAt: string | undefined) {
  const world = createWorld();
  world.credentials.setExpiry('dynamics', expiresAt);
  return world;
}

describe('the end of a credential', () => {
  it('is known after the first turn, without a condition or an event', async () => {
    const { acquirer, only, kinds } = await start(worldWith(END));
    expect(acquirer.credentialEnds).toEqual(KNOWN);
    expect(only().cycle.status.get('CredentialExpiryKnown')).toBeUndefined();
    expect(kinds()).not.toContain('credential-expiry-unreadable');
  });

  it('is unknown if no file says it', async () => {
    const { acquirer, only } = await start(worldWith(undefined));
    expect(acquirer.credentialEnds).toEqual([]);
    expect(only().cycle.status.get('CredentialExpiryKnown')).toBeUndefined();
  });

  it('follows a change, and its removal', async () => {
    const { acquirer, clock, credentials } = await start(worldWith(END));
    credentials.setExpiry('dynamics', '2028-01-31');
    await clock.settle();
    expect(acquirer.credentialEnds).toEqual([{ credential: 'dynamics', at: Date.parse('2028-01-31') }]);
    credentials.setExpiry('dynamics', undefined);
    await clock.settle();
    expect(acquirer.credentialEnds).toEqual([]);
  });

  it('replaces no token when it changes, also where a changed credential does', async () => {
    const specifications = [specification({ onCredentialChange: 'reissue' })];
    const { clock, credentials, endpoint } = await start(worldWith(END), { specifications });
    const before = endpoint.requests.length;
    credentials.setExpiry('dynamics', '2028-01-31');
    await clock.advance(seconds(5));
    expect(endpoint.requests).toHaveLength(before);
  });

  it('is known once for a credential that several tokens share', async () => {
    const identity = { namespace: 'billing', secret: 'crm-tokens', name: 'crm' };
    const { acquirer, clock } = await start(worldWith(END));
    acquirer.apply([specification(), specification({ identity, key: 'crm' })]);
    await clock.settle();
    expect([...acquirer.acquisitions]).toHaveLength(2);
    expect(acquirer.credentialEnds).toEqual(KNOWN);
  });

  it('stays known while only AccessTokens change', async () => {
    const { acquirer, clock } = await start(worldWith(END));
    acquirer.apply([specification({ isResource: true })], () => true, 'resources');
    expect(acquirer.credentialEnds).toEqual(KNOWN);
    acquirer.apply([specification()]);
    expect(acquirer.credentialEnds).toEqual([]);
    await clock.settle();
    expect(acquirer.credentialEnds).toEqual(KNOWN);
  });

  it('is not shown for a credential that no token uses any more', async () => {
    const { acquirer, clock } = await start(worldWith(END));
    acquirer.apply([specification({ credential: 'other' })]);
    await clock.settle();
    expect(acquirer.credentialEnds).toEqual([]);
  });

  it('is shown by the replica that works on the tokens, and by no other', async () => {
    const leadership = new FakeLeadership('leading');
    const { acquirer, clock } = await start({ ...worldWith(END), leadership });
    leadership.become('following');
    await clock.settle();
    expect(acquirer.credentialEnds).toEqual([]);
    leadership.become('leading');
    await clock.settle();
    expect(acquirer.credentialEnds).toEqual(KNOWN);
  });

  it('stays as it was while the volume cannot be read', async () => {
    const { acquirer, clock, credentials, only } = await start(worldWith(END));
    credentials.expiry = () => Promise.reject(new StoreError('Too many open files.'));
    credentials.change('dynamics');
    await clock.advance(minutes(1));
    expect(acquirer.credentialEnds).toEqual(KNOWN);
    expect(only().cycle.status.get('CredentialExpiryKnown')).toBeUndefined();
  });
});

describe('an expires_at that is no time', () => {
  it('is reported once, and the token is renewed as ever', async () => {
    const { acquirer, clock, endpoint, events, only } = await start(worldWith('soon'));
    await clock.advance(minutes(2));
    const reported = events.filter(({ event }) => event.kind === 'credential-expiry-unreadable');
    expect(reported.map(({ event }) => event)).toEqual([
      { kind: 'credential-expiry-unreadable', message: 'The expiry of dynamics is no time.' },
    ]);
    expect(only().cycle.status.get('CredentialExpiryKnown')).toMatchObject({
      status: false,
      reason: 'ExpiryUnreadable',
      message: 'The expiry of dynamics is no time.',
    });
    expect(acquirer.credentialEnds).toEqual([]);
    expect(endpoint.requests.length).toBeGreaterThan(2);
  });

  it('is over when it is corrected', async () => {
    const { clock, credentials, only } = await start(worldWith('soon'));
    credentials.setExpiry('dynamics', END);
    await clock.advance(seconds(1));
    expect(only().cycle.status.get('CredentialExpiryKnown')).toMatchObject({ status: true, reason: 'ExpiryRead' });
  });
});
