import { describe, expect, it } from 'vitest';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { FakeTokenEndpoint, tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { FakeTokenStore } from '../fakes/fake-token-store.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

/** Renewed every 5 min; tokens live for an hour. */
const REVOKING = specification({
  revokePrevious: true,
  onCredentialChange: 'reissue',
  neededKeys: ['client_id', 'client_secret'],
  renewal: { interval: minutes(5) },
});

const down = (): TokenRequestError =>
  new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });
const refused = (): TokenRequestError =>
  new TokenRequestError('invalid_client', 'The server answered invalid_client.', { progress: 'answered' });

/** Records what it issued and how often it was asked to revoke. */
class Server extends FakeTokenEndpoint {
  readonly issued: string[] = [];
  attempts = 0;
  expiresIn = 3600;

  override async request(...call: Parameters<FakeTokenEndpoint['request']>) {
    const response = await super.request(...call);
    this.issued.push(response.accessToken.reveal());
    return { ...response, expiresIn: this.expiresIn };
  }

  override async revoke(...call: Parameters<FakeTokenEndpoint['revoke']>) {
    this.attempts += 1;
    return super.revoke(...call);
  }
}

async function open(specifications = [REVOKING], given: Partial<World> = {}) {
  const endpoint = new Server();
  const started = await start(createWorld({ endpoint, ...given }), { specifications });
  await started.clock.advance(seconds(2));
  const change = async (): Promise<void> => {
    started.credentials.set('dynamics', { client_id: 'billing', client_secret: secret('next') });
    await started.clock.advance(seconds(1));
  };
  return { started, endpoint, change };
}

const condition = ({ only }: Started) => only().cycle.status.get('ReplacedTokenRevoked');
const failures = ({ events }: Started) => events.filter(({ event }) => event.kind === 'revocation-failed');

describe('a token that a scheduled renewal replaced', () => {
  it('is revoked 120 s after the next one was stored', async () => {
    const { started, endpoint } = await open();
    await started.clock.advance(minutes(5));
    expect(endpoint.issued).toHaveLength(2);
    await started.clock.advance(seconds(110));
    expect(endpoint.revoked).toEqual([]);
    await started.clock.advance(seconds(10));
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 1));
    expect(condition(started)).toMatchObject({ status: true, reason: 'Revoked' });
  });

  it('is not revoked if the configuration does not ask for it', async () => {
    const { started, endpoint } = await open([{ ...REVOKING, revokePrevious: false }]);
    await started.clock.advance(minutes(12));
    expect(endpoint.issued).toHaveLength(3);
    expect(endpoint.attempts).toBe(0);
    expect(condition(started)).toBeUndefined();
  });

  it('is not revoked once the configuration no longer asks for it', async () => {
    const { started, endpoint } = await open();
    endpoint.revocation = down();
    await started.clock.advance(minutes(8));
    expect(condition(started)).toMatchObject({ status: false });
    started.acquirer.apply([{ ...REVOKING, revokePrevious: false }]);
    endpoint.attempts = 0;
    await started.clock.advance(minutes(1));
    expect(endpoint.attempts).toBe(0);
    expect(condition(started)).toBeUndefined();
  });

  it('is not revoked if it expires before', async () => {
    const { started, endpoint } = await open([{ ...REVOKING, renewal: { at: 0.9 } }]);
    endpoint.expiresIn = 120;
    await started.clock.advance(minutes(70));
    const short = endpoint.issued.length;
    expect(short).toBeGreaterThan(5);
    // Only the first one lived longer than its clients could need it.
    expect(endpoint.attempts).toBeLessThanOrEqual(1);
  });

  it('is revoked immediately if the credential changes while clients may still use it', async () => {
    const { started, endpoint, change } = await open();
    await started.clock.advance(minutes(5) + seconds(30));
    expect(endpoint.issued).toHaveLength(2);
    await change();
    await started.clock.advance(seconds(2));
    expect(endpoint.issued).toHaveLength(3);
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 2));
  });

  it('is not revoked for a changed credential before the next token is stored', async () => {
    const store = new FakeTokenStore();
    const { started, endpoint, change } = await open([REVOKING], { store });
    await started.clock.advance(minutes(5) + seconds(30));
    const release = store.hold();
    await change();
    await started.clock.advance(seconds(20));
    expect(endpoint.issued).toHaveLength(3);
    expect(endpoint.attempts).toBe(0);
    release();
    await started.clock.advance(seconds(2));
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 2));
  });

  it('waits on if a client asks for another token with the same credential', async () => {
    const { started, endpoint } = await open();
    await started.clock.advance(minutes(5) + seconds(30));
    const { cycle, reissues } = started.only();
    await Promise.all([
      reissues.reissue(cycle.held.token?.sha256 ?? '', async () => undefined),
      started.clock.advance(seconds(60)),
    ]);
    expect(endpoint.issued).toHaveLength(3);
    expect(endpoint.revoked).toEqual([]);
    await started.clock.advance(seconds(35));
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 1));
  });

  it('is revoked also if its client keeps it in memory', async () => {
    const { started, endpoint } = await open([{ ...REVOKING, delivery: 'endpoint' }]);
    await started.clock.advance(minutes(7) + seconds(30));
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 1));
  });
});

describe('a token that a reissue replaced', () => {
  it('is revoked 120 s later, because other pods may still use it', async () => {
    const { started, endpoint } = await open();
    const { cycle, reissues } = started.only();
    const answer = reissues.reissue(cycle.held.token?.sha256 ?? '', async () => undefined);
    await started.clock.advance(seconds(100));
    expect((await answer).result).toBe('reissued');
    expect(endpoint.revoked).toEqual([]);
    await started.clock.advance(seconds(25));
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 1));
  });

  it('is revoked immediately if its credential changed as well', async () => {
    const { started, endpoint } = await open();
    endpoint.hold();
    const { cycle, reissues } = started.only();
    // The call of the client begins before the change is seen.
    started.credentials.set('dynamics', { client_id: 'billing', client_secret: secret('next') });
    const answer = reissues.reissue(cycle.held.token?.sha256 ?? '', async () => undefined);
    await started.clock.advance(seconds(1));
    endpoint.release();
    await started.clock.advance(seconds(2));
    expect(['reissued', 'coalesced']).toContain((await answer).result);
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 1));
  });
});

describe('the revocation', () => {
  it('waits until the new token is stored', async () => {
    const store = new FakeTokenStore();
    const { started, endpoint, change } = await open([REVOKING], { store });
    const release = store.hold();
    await change();
    await started.clock.advance(seconds(20));
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.attempts).toBe(0);
    release();
    await started.clock.advance(seconds(2));
    expect(endpoint.revoked).toEqual(endpoint.issued.slice(0, 1));
  });

  it('authenticates with the new credential', async () => {
    const { started, endpoint, change } = await open();
    const used: (string | undefined)[] = [];
    const revoke = endpoint.revoke.bind(endpoint);
    endpoint.revoke = async (request, ...rest) => {
      used.push(request.credential.values.client_secret?.reveal());
      return revoke(request, ...rest);
    };
    await change();
    const { values } = await started.credentials.read('dynamics');
    expect(used).toEqual([values.client_secret?.reveal()]);
  });

  it('is tried until the server can be reached again, reports each failure, and delays no renewal', async () => {
    const { started, endpoint, change } = await open();
    endpoint.revocation = down();
    await change();
    expect(endpoint.attempts).toBe(1);
    expect(condition(started)).toMatchObject({ status: false, reason: 'RevocationFailed' });
    expect(condition(started)?.message).toBe('The replaced token could not be revoked. The server cannot be reached.');
    await started.clock.advance(minutes(6));
    // At least every 30 s, which is the longest pause.
    expect(endpoint.attempts).toBeGreaterThanOrEqual(12);
    expect(failures(started)).toHaveLength(endpoint.attempts);
    expect(endpoint.issued).toHaveLength(3);
    endpoint.revocation = true;
    await started.clock.advance(seconds(31));
    expect(endpoint.revoked).toContain(endpoint.issued[0]);
  });

  it('is tried at most five times also if the server rejects it', async () => {
    const { started, endpoint, change } = await open([{ ...REVOKING, renewal: { at: 0.9 } }]);
    endpoint.revocation = refused();
    await change();
    await started.clock.advance(seconds(29));
    expect(endpoint.attempts).toBe(1);
    await started.clock.advance(minutes(20));
    expect(endpoint.attempts).toBe(5);
  });

  it('is healthy again when the next one succeeds', async () => {
    const { started, endpoint, change } = await open();
    endpoint.revocation = down();
    await change();
    endpoint.revocation = true;
    await started.clock.advance(seconds(5));
    expect(condition(started)).toMatchObject({ status: true, reason: 'Revoked' });
    expect(endpoint.revoked).toHaveLength(1);
  });

  it('is healthy again when the token has expired', async () => {
    const { started, endpoint, change } = await open([{ ...REVOKING, renewal: { at: 0.9 } }]);
    endpoint.revocation = down();
    await change();
    endpoint.revocation = true;
    endpoint.revoke = async () => {
      throw down();
    };
    await started.clock.advance(minutes(58));
    expect(condition(started)?.status).toBe(false);
    await started.clock.advance(minutes(3));
    expect(condition(started)).toMatchObject({ status: true, reason: 'ReplacedTokenExpired' });
  });

  it('stays unhealthy while another replaced token is valid that could not be revoked', async () => {
    const { started, endpoint, change } = await open();
    const revoke = endpoint.revoke.bind(endpoint);
    endpoint.revoke = async (request, token, ...rest) => {
      if (token.reveal() === endpoint.issued[0]) throw refused();
      return revoke(request, token, ...rest);
    };
    await change();
    await started.clock.advance(minutes(40));
    expect(endpoint.revoked.length).toBeGreaterThan(5);
    expect(condition(started)).toMatchObject({ status: false, reason: 'RevocationFailed' });
    await started.clock.advance(minutes(21));
    expect(condition(started)).toMatchObject({ status: true, reason: 'ReplacedTokenExpired' });
  });

  it('is reported, and not repeated, where the server has no revocation endpoint', async () => {
    const { started, endpoint, change } = await open();
    endpoint.revocation = false;
    await change();
    await started.clock.advance(minutes(1));
    expect(endpoint.attempts).toBe(1);
    expect(condition(started)).toMatchObject({ status: false, reason: 'NoRevocationEndpoint' });
    const message = condition(started)?.message;
    expect(message).toContain('The authorization server corporate names no way to revoke a token');
    expect(message).toContain('Set revocationEndpoint of the server, or logout with protocol: http_login.');
    expect(failures(started).map(({ event }) => event)).toMatchObject([{ result: 'unsupported' }]);
  });

  it('spares an access token that the server gave to another configured token', async () => {
    const crm = { ...REVOKING, identity: { ...REVOKING.identity, name: 'crm' }, key: 'crm', credential: 'crm' };
    const world = createWorld();
    world.credentials.set('crm', { client_id: 'billing', client_secret: secret('client-secret') });
    const { started, endpoint, change } = await open([REVOKING], { credentials: world.credentials });
    const [shared = ''] = endpoint.issued;
    endpoint.script(tokenResponse({ accessToken: new Redacted(shared) }));
    started.acquirer.apply([REVOKING, crm]);
    await started.clock.advance(seconds(2));
    expect(started.only('crm').cycle.held.token?.accessToken.reveal()).toBe(shared);
    await change();
    expect(started.only().cycle.held.token?.accessToken.reveal()).not.toBe(shared);
    expect(endpoint.attempts).toBe(0);
    // Its clients keep it for 120 s after the other token has replaced it, too.
    await started.clock.advance(minutes(5) + seconds(100));
    expect(started.only('crm').cycle.held.token?.accessToken.reveal()).not.toBe(shared);
    expect(endpoint.revoked).not.toContain(shared);
    await started.clock.advance(seconds(30));
    expect(endpoint.revoked).toContain(shared);
  });

  it('does not ask another server for a token that was requested before the configuration changed', async () => {
    const { started, endpoint } = await open();
    await started.clock.advance(minutes(5));
    started.acquirer.apply([{ ...REVOKING, authorizationServer: 'partner', requestFingerprint: 'another' }]);
    await started.clock.advance(minutes(4));
    expect(endpoint.requests.at(-1)?.authorizationServer).toBe('partner');
    expect(endpoint.attempts).toBe(0);
  });

  it('is done before the process ends if it is due, and not otherwise', async () => {
    const { started, endpoint, change } = await open();
    endpoint.revocation = down();
    await change();
    endpoint.revocation = true;
    await started.clock.advance(seconds(4));
    expect(endpoint.revoked).toHaveLength(1);
    await started.clock.advance(minutes(5));
    expect(endpoint.issued).toHaveLength(3);
    await started.acquirer.stop();
    expect(endpoint.revoked).toHaveLength(1);
  });

  it('that is under way is waited for when the process ends', async () => {
    const { started, endpoint } = await open();
    const answered = Promise.withResolvers<boolean>();
    endpoint.revoke = () => answered.promise;
    started.credentials.set('dynamics', { client_id: 'billing', client_secret: secret('next') });
    await started.clock.advance(seconds(1));
    let stopped = false;
    const stopping = started.acquirer.stop().then(() => {
      stopped = true;
    });
    await started.clock.settle();
    expect(stopped).toBe(false);
    answered.resolve(true);
    await stopping;
    expect(started.kinds()).toContain('token-revoked');
  });
});
