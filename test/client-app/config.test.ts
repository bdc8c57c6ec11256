import { describe, expect, it } from 'vitest';
import { HELP, readConfig } from '../../src/client-app/config.ts';
import { UsageError } from '../../src/core/errors.ts';

const LEAST = { SERVICE_URL: 'https://api.example.com/incidents', TOKEN_NAME: 'dynamics', TOKEN_DIRECTORY: '/tokens' };
const REISSUE = {
  REISSUE_URL: 'https://token-acquirer:8443',
  REISSUE_NAMESPACE: 'billing',
  REISSUE_SECRET: 'billing-tokens',
  CALLER_TOKEN_FILE: '/caller/token',
};

/** Returns the errors, one sentence each. */
function errorsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message.split('\n');
  }
}

describe('the environment of the example', () => {
  it('needs a service, a token and a volume', () => {
    expect(readConfig(LEAST)).toEqual({
      serviceUrl: new URL(LEAST.SERVICE_URL),
      tokenName: 'dynamics',
      tokenDirectory: '/tokens',
      allowPlainHttp: false,
      reissue: undefined,
      callEvery: 1000,
      listen: { host: '127.0.0.1', port: 0 },
    });
  });

  it('can name the token-acquirer, with or without a volume', () => {
    const reissue = {
      url: 'https://token-acquirer:8443/',
      namespace: 'billing',
      secret: 'billing-tokens',
      callerTokenFile: '/caller/token',
      caFile: '/ca.crt',
    };
    expect(readConfig({ ...LEAST, ...REISSUE, CA_FILE: '/ca.crt' }).reissue).toEqual(reissue);
    const inMemory = readConfig({ ...LEAST, ...REISSUE, TOKEN_DIRECTORY: '' });
    expect([inMemory.tokenDirectory, inMemory.reissue?.caFile]).toEqual([undefined, undefined]);
  });

  it.each<[string, string, object]>([
    ['CALL_EVERY', '250ms', { callEvery: 250 }],
    ['CALL_EVERY', ' 1m30s ', { callEvery: 90_000 }],
    ['CALL_EVERY', '', { callEvery: 1000 }],
    ['LISTEN', '0.0.0.0:8080', { listen: { host: '0.0.0.0', port: 8080 } }],
    ['LISTEN', '[::1]:8080', { listen: { host: '::1', port: 8080 } }],
    ['LISTEN', ':8080', { listen: { host: '', port: 8080 } }],
    ['LISTEN', '[::1]:8080', { listen: { host: '::1', port: 8080 } }],
    ['LISTEN', 'localhost:65535', { listen: { host: 'localhost', port: 65_535 } }],
    ['REISSUE_URL', '', { reissue: undefined }],
    ['SERVICE_URL', 'http://[::1]:8080/a', { serviceUrl: new URL('http://[::1]:8080/a'), allowPlainHttp: false }],
    ['ALLOW_PLAIN_HTTP', 'true', { allowPlainHttp: true }],
  ])('can have %s=%j', (name, value, expected) => {
    expect(readConfig({ ...LEAST, [name]: value })).toMatchObject(expected);
  });

  it.each<[string, string, string]>([
    ['SERVICE_URL', '', 'SERVICE_URL is not set.'],
    ['SERVICE_URL', 'api.example.com', 'SERVICE_URL is not an http or https URL without user and password.'],
    ['SERVICE_URL', 'ftp://api.example.com', 'SERVICE_URL is not an http or https URL without user and password.'],
    ['SERVICE_URL', 'https://u:hunter2@a', 'SERVICE_URL is not an http or https URL without user and password.'],
    [
      'SERVICE_URL',
      'http://api.example.com',
      'SERVICE_URL is plain http, over which anyone on the network can read the token. Use https, or set ALLOW_PLAIN_HTTP=true.',
    ],
    ['ALLOW_PLAIN_HTTP', 'yes', 'ALLOW_PLAIN_HTTP is neither true nor false.'],
    ['TOKEN_NAME', '', 'TOKEN_NAME is not set.'],
    ['TOKEN_NAME', '../x', 'TOKEN_NAME is not a DNS label: a-z, 0-9 and - may be in it.'],
    ['TOKEN_DIRECTORY', '', 'Neither TOKEN_DIRECTORY nor REISSUE_URL is set: say where the token comes from.'],
    ['CALL_EVERY', '0s', 'CALL_EVERY is not a duration such as 30s, 10m or 1h30m.'],
    ['CALL_EVERY', 'often', 'CALL_EVERY is not a duration such as 30s, 10m or 1h30m.'],
    ['LISTEN', '8080', 'LISTEN is not host:port, such as 127.0.0.1:8080, or :8080 for every address.'],
    ['LISTEN', '127.0.0.1:70000', 'LISTEN is not host:port, such as 127.0.0.1:8080, or :8080 for every address.'],
    ['LISTEN', '::1:8080', 'LISTEN is not host:port, such as 127.0.0.1:8080, or :8080 for every address.'],
    ['CA_FILE', '/ca.crt', 'CA_FILE set, but not REISSUE_URL: set that too, or none.'],
  ])('cannot have %s=%j', (name, value, message) => {
    expect(errorsOf({ ...LEAST, [name]: value })).toEqual([message]);
  });

  it.each<[string, string, string]>([
    ['REISSUE_URL', 'http://token-acquirer', 'REISSUE_URL is plain http, which is for loopback only: use https.'],
    ['REISSUE_NAMESPACE', '', 'REISSUE_NAMESPACE is not set.'],
    ['REISSUE_SECRET', 'A', 'REISSUE_SECRET is not a DNS label: a-z, 0-9 and - may be in it.'],
    ['CALLER_TOKEN_FILE', '', 'CALLER_TOKEN_FILE is not set.'],
  ])('cannot have %s=%j with a token-acquirer', (name, value, message) => {
    expect(errorsOf({ ...LEAST, ...REISSUE, [name]: value })).toEqual([message]);
  });

  it('allows a service with plain http by ALLOW_PLAIN_HTTP', () => {
    const environment = { ...LEAST, SERVICE_URL: 'http://api.example.com/', ALLOW_PLAIN_HTTP: 'true' };
    expect(readConfig(environment)).toMatchObject({ serviceUrl: new URL('http://api.example.com/') });
  });

  it('reports all its errors together, and quotes no value', () => {
    const errors = errorsOf({ SERVICE_URL: 'https://u:hunter2@a', CALL_EVERY: 'hunter2', REISSUE_SECRET: 'hunter2' });
    expect(errors).toHaveLength(5);
    expect(errors.join()).not.toContain('hunter2');
  });

  it('has every variable in --help', () => {
    for (const name of [
      ...Object.keys({ ...LEAST, ...REISSUE }),
      'CA_FILE',
      'CALL_EVERY',
      'LISTEN',
      'ALLOW_PLAIN_HTTP',
    ]) {
      expect(HELP).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    }
  });
});
