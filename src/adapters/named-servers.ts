import type { Credential } from '../core/credential.ts';
import { TokenRequestError } from '../core/errors.ts';
import type { EndpointFor } from '../ports/token-endpoint.ts';

/** One authorization server, with what a TokenEndpoint does for it. */
export interface NamedServer<Request, Demand> extends Pick<EndpointFor<Request, Demand>, 'request' | 'revoke'> {
  obstacle(credential?: Credential, demand?: Demand): string | undefined;
  reach(signal: AbortSignal): Promise<string | undefined>;
}

/** Makes the endpoint of several servers, which passes each call to the server that it names. */
export function endpointOf<Request extends { readonly authorizationServer: string }, Demand>(
  servers: ReadonlyMap<string, NamedServer<Request, Demand>>,
): EndpointFor<Request, Demand> {
  const serverNamed = (name: string): NamedServer<Request, Demand> => {
    const server = servers.get(name);
    if (server !== undefined) return server;
    const message = `The authorization server ${name} is not configured.`;
    throw new TokenRequestError('invalid_request', message, { progress: 'not-sent' });
  };
  return {
    request: async (request, signal) => serverNamed(request.authorizationServer).request(request, signal),
    revoke: async (request, accessToken, signal) =>
      serverNamed(request.authorizationServer).revoke(request, accessToken, signal),
    obstacle: (name, credential, demand) => servers.get(name)?.obstacle(credential, demand),
    reach: async (name, signal) => servers.get(name)?.reach(signal),
  };
}
