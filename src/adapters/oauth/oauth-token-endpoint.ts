import { TokenRequestError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { OAuthServerSettings } from '../../ports/protocols.ts';
import type { ProtocolEndpoint } from '../../ports/token-endpoint.ts';
import { createServerOutbound, type ServerOutboundOptions } from '../http/server-outbound.ts';
import { AuthorizationServer } from './authorization-server.ts';

export interface OAuthTokenEndpointOptions extends ServerOutboundOptions {
  readonly clock: Clock;
}

/**
 * Sends token requests to OAuth 2.0 authorization servers (RFC 6749), by their names in the configuration. Discovery is
 * remembered for an hour. Nothing else is kept between requests, so a rotated credential or CA is used immediately.
 */
export function createOAuthTokenEndpoint(
  servers: Readonly<Record<string, OAuthServerSettings>>,
  options: OAuthTokenEndpointOptions,
): ProtocolEndpoint<'oauth'> {
  const known = new Map(Object.entries(servers).map(([name, settings]) => [name, serverOf(name, settings, options)]));
  const serverNamed = (name: string): AuthorizationServer => {
    const server = known.get(name);
    if (server !== undefined) return server;
    const message = `The authorization server ${name} is not configured.`;
    throw new TokenRequestError('invalid_request', message, { progress: 'not-sent' });
  };
  return {
    request: async (request, signal) => serverNamed(request.authorizationServer).request(request, signal),
    revoke: async (request, accessToken, signal) =>
      serverNamed(request.authorizationServer).revoke(request, accessToken, signal),
    obstacle: (name, credential, demand) => known.get(name)?.obstacle(credential, demand),
    reach: async (name, signal) => known.get(name)?.reach(signal),
  };
}

function serverOf(
  name: string,
  settings: OAuthServerSettings,
  options: OAuthTokenEndpointOptions,
): AuthorizationServer {
  const { clock, originOf } = options;
  return new AuthorizationServer(name, settings, {
    outbound: createServerOutbound(name, settings, options),
    clock,
    originOf,
  });
}
