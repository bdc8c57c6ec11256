import type { TokenErrorCode } from '../core/errors.ts';

const SERVER = 'The authorization server corporate at login.example.com';

/** A message of each error, as the status and the log show it. A test compares them with those of the program. */
export const ERROR_EXAMPLES: Readonly<Record<TokenErrorCode, string>> = {
  invalid_client: `${SERVER} does not accept the client (invalid_client, HTTP 401). Check client_id and client_secret in the credential dynamics. Or set clientAuthentication: client_secret_post, if the server requires it.`,
  invalid_grant: `${SERVER} does not accept the user name or password (invalid_grant, HTTP 400). One of them is wrong, expired or locked. Correct username and password in the credential dynamics.`,
  invalid_request: `${SERVER} rejected the request (invalid_request, HTTP 400). Check scope, resource, audience and parameters of this token.`,
  invalid_scope: `${SERVER} does not grant this scope (invalid_scope, HTTP 400). Correct the scope of this token, or have it granted to the client.`,
  unauthorized_client: `${SERVER} does not accept the client, or does not allow it the grant client_credentials (unauthorized_client, HTTP 400). Check client_id and client_secret in the credential dynamics. Then check the grants that the client may use.`,
  unsupported_grant_type: `${SERVER} does not support the grant password (unsupported_grant_type, HTTP 400). Choose another grant.`,
  access_denied: `${SERVER} denied the token (access_denied, HTTP 403). Look for a policy on the client. Check client_id and client_secret in the credential dynamics.`,
  server_error: `${SERVER} returned a server error (server_error, HTTP 503).`,
  rate_limited: `${SERVER} asks for fewer requests (rate_limited, HTTP 429).`,
  unreachable:
    'The authorization server corporate gave no usable answer. The request to login.example.com could not be sent: no connection (ECONNREFUSED).',
  timeout:
    'The authorization server corporate gave no usable answer. The request to login.example.com had no complete answer after 10 s.',
  refused_address:
    'The authorization server corporate gave no usable answer. No request is sent to login.example.com: plain http is for loopback only; use https.',
  proxy_denied: `${SERVER} was not reached, because a proxy in between requires authentication (proxy_denied, HTTP 407).`,
  invalid_response: `${SERVER} gave an answer that is not a JSON object: check that this is its token endpoint.`,
  credential_unreadable:
    'The credential "dynamics" is empty. Create the Secret dynamics-credentials in the namespace token-acquirer with the keys client_id and client_secret.',
  credential_unavailable: 'The file dynamics/client_secret cannot be read: too many files are open (EMFILE).',
  needs_credential:
    'The refresh token of billing/billing-tokens/dynamics was sent in a request without a usable answer, and sending it again could revoke the whole chain. Put a new refresh_token into the credential dynamics, or set refreshTokenReuse to the time for which the authorization server allows reuse.',
  chain_elsewhere:
    'The refresh token of billing/billing-tokens/dynamics was last used by the shard with the Lease token-acquirer-shard-1, which token-acquirer-shard-1-5d9c7-abcde holds and which has not given it up yet. It is used here once that process has loaded the same configuration, or has ended. If neither happens within two minutes, delete that pod.',
  state_busy:
    'The refresh token of billing/billing-tokens/dynamics may be in a request of another process, or of one that was killed. The next check is in 12 s. Let only one token-acquirer use the state.',
  state_unavailable:
    'The refresh token could not be saved: The Secret token-acquirer/token-acquirer-state cannot be written: it does not exist (404).',
  same_token: 'The authorization server gave the token that is held already.',
};
