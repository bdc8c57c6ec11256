import type { Protocol, ServerSettings } from '../../ports/protocols.ts';
import type { ProtocolEndpoint, TokenEndpoint } from '../../ports/token-endpoint.ts';

/** For each protocol: makes the endpoint of its authorization servers, by their names in the configuration. */
export type ProtocolAdapters = {
  readonly [P in Protocol]: (servers: Readonly<Record<string, ServerSettings<P>>>) => ProtocolEndpoint<P>;
};

/** Returns the endpoint of all authorization servers, which passes each call to the adapter of the server's protocol. */
export function createTokenEndpoint(
  servers: Readonly<Record<string, ServerSettings>>,
  adapters: ProtocolAdapters,
): TokenEndpoint {
  const endpoints = new Map(
    Object.keys(adapters).map((protocol) => [protocol, endpointFor(protocol as Protocol, servers, adapters)]),
  );
  const [any] = endpoints.values();
  const endpointOf = (server: string): TokenEndpoint => {
    // Each adapter reports a server that is not configured.
    const endpoint = endpoints.get(servers[server]?.protocol ?? '') ?? any;
    if (endpoint === undefined) throw new TypeError('There is no adapter for any protocol.');
    return endpoint;
  };
  return {
    request: (request, signal) => endpointOf(request.authorizationServer).request(request, signal),
    revoke: (request, accessToken, signal) =>
      endpointOf(request.authorizationServer).revoke(request, accessToken, signal),
    obstacle: (server, credential, demand) => endpointOf(server).obstacle(server, credential, demand),
    reach: (server, signal) => endpointOf(server).reach(server, signal),
  };
}

function endpointFor<P extends Protocol>(
  protocol: P,
  servers: Readonly<Record<string, ServerSettings>>,
  adapters: ProtocolAdapters,
): ProtocolEndpoint<P> {
  const own: object = Object.fromEntries(Object.entries(servers).filter(([, server]) => server.protocol === protocol));
  return adapters[protocol](own as Readonly<Record<string, ServerSettings<P>>>);
}
