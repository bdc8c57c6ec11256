import { describe, expect, it } from 'vitest';
import { type ClientAuthentication, type Grant, neededKeys } from '../../src/core/credential-needs.ts';

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
  ])('for the grant %s with %s: %s', (grant, clientAuthentication, keys) => {
    expect(neededKeys(grant, clientAuthentication)).toEqual(keys);
  });
});
