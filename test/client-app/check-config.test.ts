import { describe, expect, it } from 'vitest';
import { CHECK_HELP, type CheckConfig, readCheckConfig } from '../../src/client-app/check/config.ts';
import { UsageError } from '../../src/core/errors.ts';

const LEAST = {
  TOKEN_DIRECTORY: '/tokens',
  REISSUE_URL: 'https://token-acquirer:8443',
  REISSUE_NAMESPACE: 'billing',
  REISSUE_SECRET: 'billing-tokens',
  CALLER_TOKEN_FILE: '/caller/token',
};
const MORE = {
  SERVICE_URL: 'https://api.example.com/incidents',
  SERVICE_CA_FILE: '/gateway.crt',
  CA_FILE: '/tokens/ca.crt',
  PATIENCE: '5s',
  ACQUIRER_SECRETS: 'acquirer/one, acquirer/two',
  API_SERVER: 'https://10.0.0.1',
  API_CA_FILE: '/api.crt',
  FORBIDDEN_FILES: '/etc/token-acquirer, password,',
};

/** Returns the errors, one sentence each. */
function errorsOf(args: readonly string[], environment: Record<string, string>): string[] {
  try {
    readCheckConfig(args, environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message.split('\n');
  }
}

describe('the configuration of the check', () => {
  it('needs a token and the token-acquirer', () => {
    expect(readCheckConfig(['dynamics'], LEAST)).toEqual({
      as: 'client',
      tokens: [{ name: 'dynamics', serviceUrl: undefined }],
      tokenDirectory: '/tokens',
      endpoint: {
        url: 'https://token-acquirer:8443/',
        namespace: 'billing',
        secret: 'billing-tokens',
        callerTokenFile: '/caller/token',
        caFile: undefined,
      },
      serviceCaFile: undefined,
      patience: 100_000,
      forbiddenFiles: [],
      apiServer: { url: undefined, caFile: undefined, secrets: [] },
    });
  });

  it('can have optional settings', () => {
    expect(readCheckConfig(['dynamics'], { ...LEAST, ...MORE })).toMatchObject({
      tokens: [{ name: 'dynamics', serviceUrl: new URL('https://api.example.com/incidents') }],
      serviceCaFile: '/gateway.crt',
      patience: 5000,
      endpoint: { caFile: '/tokens/ca.crt' },
      apiServer: { url: new URL('https://10.0.0.1'), caFile: '/api.crt', secrets: ['acquirer/one', 'acquirer/two'] },
      forbiddenFiles: ['/etc/token-acquirer', 'password'],
    });
  });

  it('has for each token its own URL, the common URL, or none', () => {
    const args = ['dynamics', 'orders=https://orders.example.com/a?b=c', 'quiet='];
    const { tokens } = readCheckConfig(args, { ...LEAST, ...MORE });
    expect(tokens.map(({ name, serviceUrl }) => [name, serviceUrl?.href])).toEqual([
      ['dynamics', 'https://api.example.com/incidents'],
      ['orders', 'https://orders.example.com/a?b=c'],
      ['quiet', undefined],
    ]);
  });

  it.each<[string, readonly string[], CheckConfig['as']]>([
    ['a client by default', ['dynamics'], 'client'],
    ['a client by option', ['--as', 'client', 'dynamics'], 'client'],
    ['a stranger with a space', ['--as', 'stranger', 'dynamics'], 'stranger'],
    ['a waiter with an equals sign', ['--as=waiter', 'dynamics'], 'waiter'],
    ['a stranger by an option after the token', ['dynamics', '--as=stranger'], 'stranger'],
  ])('makes the check %s', (_, args, as) => {
    const config = readCheckConfig(args, LEAST);
    expect([config.as, config.tokens.map(({ name }) => name)]).toEqual([as, ['dynamics']]);
  });

  it.each<[string, readonly string[], Record<string, string>, string]>([
    ['no token', [], {}, 'No token is named: name each that is to be checked, as NAME or NAME=URL.'],
    [
      'no name before the URL',
      ['=https://a'],
      {},
      'A name of a token is not a DNS label: a-z, 0-9 and - may be in it.',
    ],
    [
      'a name that is not a DNS label',
      ['../x'],
      {},
      'A name of a token is not a DNS label: a-z, 0-9 and - may be in it.',
    ],
    ['an invalid URL of a token', ['a=b'], {}, 'The URL of a is not an http or https URL without user and password.'],
    [
      'a URL with a password',
      ['a=https://u:hunter2@b'],
      {},
      'The URL of a is not an http or https URL without user and password.',
    ],
    ['an unknown option', ['a', '--verbose'], {}, 'Only --as and --help are options: the rest are names of tokens.'],
    ['an unknown part', ['a', '--as', 'king'], {}, '--as takes client, stranger or waiter.'],
    ['a part that is missing', ['a', '--as'], {}, '--as takes client, stranger or waiter.'],
    ['no token-acquirer', ['a'], { REISSUE_URL: '' }, 'REISSUE_URL is not set.'],
    ['no Secret of the token', ['a'], { REISSUE_SECRET: '' }, 'REISSUE_SECRET is not set.'],
    [
      'plain http',
      ['a'],
      { REISSUE_URL: 'http://acquirer' },
      'REISSUE_URL is plain http, which is for loopback only: use https.',
    ],
    ['an invalid patience', ['a'], { PATIENCE: 'long' }, 'PATIENCE is not a duration such as 30s, 10m or 1h30m.'],
    [
      'Secrets without a namespace',
      ['a'],
      { ACQUIRER_SECRETS: 'one,two' },
      'ACQUIRER_SECRETS is not a list of namespace/name, apart by commas.',
    ],
    [
      'a path of a Secret that leads elsewhere',
      ['a'],
      { ACQUIRER_SECRETS: 'a/b/../c' },
      'ACQUIRER_SECRETS is not a list of namespace/name, apart by commas.',
    ],
    [
      'an invalid API server',
      ['a'],
      { API_SERVER: '10.0.0.1' },
      'API_SERVER is not an http or https URL without user and password.',
    ],
    [
      'an invalid URL of the service',
      ['a'],
      { SERVICE_URL: 'api' },
      'SERVICE_URL is not an http or https URL without user and password.',
    ],
    [
      'a service that is plain http',
      ['a'],
      { SERVICE_URL: 'http://api' },
      'SERVICE_URL is plain http, over which anyone on the network can read the token. Use https, or set ALLOW_PLAIN_HTTP=true.',
    ],
    [
      'a service of one token that is plain http',
      ['a=http://api'],
      {},
      'The URL of a is plain http, over which anyone on the network can read the token. Use https, or set ALLOW_PLAIN_HTTP=true.',
    ],
  ])('is rejected with %s', (_, args, change, message) => {
    const errors = errorsOf(args, { ...LEAST, ...change });
    expect(errors).toContain(message);
    expect(errors.join()).not.toContain('hunter2');
  });

  it('allows services with plain http by ALLOW_PLAIN_HTTP', () => {
    const { tokens } = readCheckConfig(['a=http://api', 'b'], {
      ...LEAST,
      SERVICE_URL: 'http://api.example.com',
      ALLOW_PLAIN_HTTP: 'true',
    });
    expect(tokens.map(({ serviceUrl }) => serviceUrl?.href)).toEqual(['http://api/', 'http://api.example.com/']);
  });

  it('reports all its errors together', () => {
    expect(errorsOf(['A', '--x'], { PATIENCE: 'x' })).toHaveLength(4);
  });

  it('has every variable in --help', () => {
    for (const name of [...Object.keys({ ...LEAST, ...MORE }), 'ALLOW_PLAIN_HTTP']) {
      expect(CHECK_HELP).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    }
  });
});
