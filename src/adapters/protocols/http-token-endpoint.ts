import type { Clock } from '../../ports/clock.ts';
import type { HttpProtocol } from '../../ports/http-protocol.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';
import { createServerOutbound, type ServerOutboundOptions } from '../http/server-outbound.ts';
import { endpointOf } from '../named-servers.ts';
import { HttpAuthorizationServer } from './http-authorization-server.ts';

export interface HttpTokenEndpointOptions extends ServerOutboundOptions {
  readonly clock: Clock;
}

/**
 * Sends the token requests of one protocol to its authorization servers, by their names in the configuration. No
 * credential or CA is kept between requests, so a rotated one is used immediately.
 */
export function createHttpTokenEndpoint(
  protocol: HttpProtocol,
  servers: Readonly<Record<string, ServerSettings>>,
  options: HttpTokenEndpointOptions,
): TokenEndpoint {
  const known = new Map(
    Object.entries(servers).map(([name, settings]) => [
      name,
      new HttpAuthorizationServer(name, settings, {
        protocol,
        clock: options.clock,
        outbound: createServerOutbound(name, settings, options),
        originOf: options.originOf,
      }),
    ]),
  );
  return endpointOf(known);
}
