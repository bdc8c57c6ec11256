import type { ServerSettings } from '../../ports/protocols.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';

/** By protocol: makes the endpoint of its authorization servers, by their names in the configuration. */
export type ProtocolAdapters = Readonly<
  Record<string, (servers: Readonly<Record<string, ServerSettings>>) => TokenEndpoint>
>;

/** Returns the endpoint of all authorization servers, which passes each call to the adapter of the server's protocol. */
export function createTokenEndpoint(
  servers: Readonly<Record<string, ServerSettings>>,
  adapters: ProtocolAdapters,
): TokenEndpoint {
  const endpoints = new Map(
    Object.entries(adapters).map(([protocol, adapter]) => [protocol, adapter(serversOf(protocol, servers))]),
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

function serversOf(
  protocol: string,
  servers: Readonly<Record<string, ServerSettings>>,
): Readonly<Record<string, ServerSettings>> {
  return Object.fromEntries(Object.entries(servers).filter(([, server]) => server.protocol === protocol));
}
