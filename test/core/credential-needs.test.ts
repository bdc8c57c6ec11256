import { describe, expect, it } from 'vitest';
import { CREDENTIAL_KEYS } from '../../src/core/credential.ts';
import {
  CLIENT_AUTHENTICATION_NAMES,
  CLIENT_AUTHENTICATIONS,
  type ClientAuthentication,
  GRANT_NAMES,
  GRANTS,
  type Grant,
  neededKeys,
  proofKeys,
  takesNextSecret,
} from '../../src/core/credential-needs.ts';

describe('a credential needs', () => {
  it.each<[Grant, ClientAuthentication, string[]]>([
    ['client_credentials', 'client_secret_basic', ['client_id', 'client_secret']],
    ['client_credentials', 'client_secret_post', ['client_id', 'client_secret']],
    ['client_credentials', 'private_key_jwt', ['client_id', 'private_key']],
    ['client_credentials', 'tls_client_auth', ['client_id', 'private_key', 'certificate']],
    ['client_credentials', 'workload_identity', ['client_id']],
    ['client_credentials', 'none', ['client_id']],
    ['client_credentials', 'jwt_spiffe', ['client_id']],
    ['client_credentials', 'anonymous', ['client_id']],
    ['jwt_bearer', 'anonymous', ['client_id', 'private_key']],
    ['jwt_bearer', 'client_secret_post', ['client_id', 'client_secret', 'private_key']],
    ['jwt_bearer', 'private_key_jwt', ['client_id', 'private_key']],
    ['token_exchange', 'client_secret_basic', ['client_id', 'client_secret']],
    ['password', 'client_secret_basic', ['client_id', 'client_secret', 'username', 'password']],
    ['refresh_token', 'none', ['client_id', 'refresh_token']],
  ])('for the grant %s with %s the keys %s', (grant, clientAuthentication, keys) => {
    expect(neededKeys(grant, clientAuthentication)).toEqual(keys);
  });

  it.each(CLIENT_AUTHENTICATION_NAMES)('a second secret for %s only if it sends a secret', (clientAuthentication) => {
    const sendsSecret = neededKeys('client_credentials', clientAuthentication).includes('client_secret');
    expect(takesNextSecret(clientAuthentication)).toBe(sendsSecret);
  });

  it('no private key where the assertion of the grant comes from a file', () => {
    expect(neededKeys('jwt_bearer', 'none', { byFile: true })).toEqual(['client_id']);
    expect(neededKeys('jwt_bearer', 'private_key_jwt', { byFile: true })).toEqual(['client_id', 'private_key']);
  });
});

describe('the table of grants', () => {
  it.each(GRANT_NAMES)('has keys of a credential for %s', (grant) => {
    expect(CREDENTIAL_KEYS).toEqual(expect.arrayContaining([...GRANTS[grant].needs]));
  });

  it('has one grant that spends a refresh token, which the credential must have', () => {
    const rotating = GRANT_NAMES.filter((grant) => GRANTS[grant].rotates);
    expect(rotating).toEqual(['refresh_token']);
    expect(GRANTS.refresh_token.needs).toEqual(['refresh_token']);
  });

  it('names each grant by the grant_type of its specification', () => {
    const types = GRANT_NAMES.map((grant) => GRANTS[grant].type);
    expect(types).toEqual([
      'client_credentials',
      'password',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ]);
  });

  it('warns only of the grant password, in a sentence that continues a name', () => {
    expect(GRANT_NAMES.filter((grant) => GRANTS[grant].warning !== undefined)).toEqual(['password']);
    expect(GRANTS.password.warning).toMatch(/^uses the grant password, which RFC 9700 .* forbids\. .*\.$/);
  });
});

describe('the table of client authentications', () => {
  it.each(CLIENT_AUTHENTICATION_NAMES)('has keys of a credential for %s', (method) => {
    expect(CREDENTIAL_KEYS).toEqual(expect.arrayContaining([...proofKeys(method)]));
  });

  it('lists the keys of the proof, optional ones last', () => {
    expect(proofKeys('private_key_jwt')).toEqual(['client_id', 'private_key', 'certificate']);
    expect(proofKeys('workload_identity')).toEqual(['client_id']);
  });

  it('gives each setting to the client authentications that use it', () => {
    const settings = CLIENT_AUTHENTICATION_NAMES.flatMap((method) => [...CLIENT_AUTHENTICATIONS[method].settings]);
    expect(settings.toSorted()).toEqual(['assertionAudience', 'assertionFile', 'assertionFile', 'assertionKeyId']);
  });

  it('takes a second secret wherever a secret is sent, and only there', () => {
    const takes = (key: string) => (method: ClientAuthentication) => {
      const { needs, takes: optional } = CLIENT_AUTHENTICATIONS[method];
      return ([...needs, ...optional] as readonly string[]).includes(key);
    };
    const withSecret = CLIENT_AUTHENTICATION_NAMES.filter(takes('client_secret'));
    expect(withSecret).toEqual(['client_secret_basic', 'client_secret_post']);
    expect(CLIENT_AUTHENTICATION_NAMES.filter(takes('client_secret_next'))).toEqual(withSecret);
  });
});
