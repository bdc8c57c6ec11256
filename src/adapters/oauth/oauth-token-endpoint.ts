import type { Clock } from '../../ports/clock.ts';
import type { OAuthServerSettings } from '../../ports/protocols.ts';
import type { ProtocolEndpoint } from '../../ports/token-endpoint.ts';
import { createServerOutbound, type ServerOutboundOptions } from '../http/server-outbound.ts';
import { endpointOf } from '../named-servers.ts';
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
  return endpointOf(known);
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
