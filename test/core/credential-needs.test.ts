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
} from '../../src/core/credential-needs.ts';

describe('a credential needs', () => {
  it.each<[Grant, ClientAuthentication, string[]]>([
    ['client_credentials', 'client_secret_basic', ['client_id', 'client_secret']],
    ['client_credentials', 'client_secret_post', ['client_id', 'client_secret']],
    ['client_credentials', 'private_key_jwt', ['client_id', 'private_key']],
    ['client_credentials', 'tls_client_auth', ['client_id', 'private_key', 'certificate']],
    ['client_credentials', 'workload_identity', ['client_id']],
    ['client_credentials', 'none', ['client_id']],
    ['password', 'client_secret_basic', ['client_id', 'client_secret', 'username', 'password']],
    ['refresh_token', 'none', ['client_id', 'refresh_token']],
  ])('for the grant %s with %s the keys %s', (grant, clientAuthentication, keys) => {
    expect(neededKeys(grant, clientAuthentication)).toEqual(keys);
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

  it('gives each setting to one client authentication', () => {
    const settings = CLIENT_AUTHENTICATION_NAMES.flatMap((method) => [...CLIENT_AUTHENTICATIONS[method].settings]);
    expect(settings.toSorted()).toEqual(['assertionAudience', 'assertionFile', 'assertionKeyId']);
  });
});
