import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';
import { ReplaceableAuthenticator } from '../../src/token-acquirer/replaceable.ts';

function configuration(...serviceAccounts: readonly string[]): Configuration {
  const clients = serviceAccounts.map((serviceAccount) => ({ namespace: 'billing', serviceAccount }));
  const text = `authorizationServers: { corporate: { issuer: "https://login.example.com" } }
tokens:
  - name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    secret: { namespace: billing, name: billing-tokens }
    clients: ${JSON.stringify(clients)}
`;
  return parseConfiguration(text, '/etc/config.yaml');
}

/** An authenticator that names itself, by the order in which it was made. */
function start(first: Configuration) {
  let made = 0;
  const create = () => {
    made += 1;
    const name = `check ${made}`;
    return { authenticate: () => Promise.resolve({ name }) };
  };
  const callers = new ReplaceableAuthenticator(create, first);
  return { callers, current: async () => (await callers.authenticate(new Redacted('bearer')))?.name };
}

describe('the check of callers', () => {
  it('stays when tokens change and the callers are the same, so that it remembers whom it has confirmed', async () => {
    const { callers, current } = start(configuration('app', 'other'));
    callers.tokensChanged(configuration('other', 'app'));
    expect(await current()).toBe('check 1');
  });

  it.each([
    ['a caller is new', ['app', 'other']],
    ['a caller is gone', []],
    ['a caller has another name', ['other']],
  ])('is made anew when tokens change and %s', async (_, accounts) => {
    const { callers, current } = start(configuration('app'));
    callers.tokensChanged(configuration(...accounts));
    expect(await current()).toBe('check 2');
    callers.tokensChanged(configuration(...accounts));
    expect(await current()).toBe('check 2');
  });

  it('is made anew with each configuration', async () => {
    const { callers, current } = start(configuration('app'));
    callers.replace(configuration('app'));
    expect(await current()).toBe('check 2');
  });

  it('stays where the next one cannot be made', async () => {
    let isPossible = true;
    const create = () => {
      if (!isPossible) throw new Error('No cluster.');
      return { authenticate: () => Promise.resolve({ name: 'first' }) };
    };
    const callers = new ReplaceableAuthenticator(create, configuration('app'));
    isPossible = false;
    expect(() => callers.replace(configuration('other'))).toThrow('No cluster.');
    expect(await callers.authenticate(new Redacted('bearer'))).toEqual({ name: 'first' });
  });
});
