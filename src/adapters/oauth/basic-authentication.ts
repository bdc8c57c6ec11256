import type { ClientAuth } from 'openid-client';

/**
 * `client_secret_basic` (RFC 6749 section 2.3.1). openid-client encodes the unreserved characters `-`, `_`, `.` and
 * `~`, too. Servers that do not decode the header then reject every UUID as a client ID.
 */
export function basicAuthentication(clientSecret: string): ClientAuth {
  return (_server, client, _body, headers) => {
    const pair = `${encoded(client.client_id)}:${encoded(clientSecret)}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

/**
 * Encodes as a form does, but leaves every character that a decoder leaves (`-_.~!*'()`). So the usual secrets look
 * the same to servers that decode and to servers that do not.
 */
function encoded(value: string): string {
  return encodeURIComponent(value).replaceAll('%20', '+');
}
