import { TokenRequestError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';
import type { Resolve } from '../http/addresses.ts';
import { createOutbound, type OutboundFetch } from '../http/outbound.ts';
import { OutboundError } from '../http/outbound-error.ts';
import { CaFileError, openCaFile } from '../tls/ca-file.ts';
import { AuthorizationServer } from './authorization-server.ts';
import type { AuthorizationServerSettings } from './settings.ts';

export interface OAuthTokenEndpointOptions {
  readonly clock: Clock;
  /** For each HTTP exchange as a whole; default 10 s. */
  readonly timeout?: Ms;
  /** Hosts to reach without a configured proxy; default: what the environment says. */
  readonly noProxy?: string;
  readonly resolve?: Resolve;
}

/**
 * Token requests to OAuth 2.0 authorization servers (RFC 6749), by their names in the configuration. Discovery is
 * remembered for an hour; nothing else is kept between requests, so a rotated credential or CA is used at once.
 */
export function createOAuthTokenEndpoint(
  servers: Readonly<Record<string, AuthorizationServerSettings>>,
  options: OAuthTokenEndpointOptions,
): TokenEndpoint {
  const known = new Map(Object.entries(servers).map(([name, settings]) => [name, serverOf(name, settings, options)]));
  return {
    request: async (request, signal) => {
      const server = known.get(request.authorizationServer);
      if (server !== undefined) return server.request(request, signal);
      const message = `The authorization server ${request.authorizationServer} is not configured.`;
      throw new TokenRequestError('invalid_request', message, { progress: 'not-sent' });
    },
    obstacle: (name, credential) => known.get(name)?.obstacle(credential),
  };
}

function outboundFor(settings: AuthorizationServerSettings, options: OAuthTokenEndpointOptions): OutboundFetch {
  const { caFile, proxy } = settings;
  const { timeout, resolve, noProxy = process.env['no_proxy'] ?? process.env['NO_PROXY'] } = options;
  return createOutbound({
    ...(timeout === undefined ? {} : { timeout }),
    ...(resolve === undefined ? {} : { resolve }),
    ...(caFile === undefined ? {} : { ca: trustedBy(caFile) }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  });
}

/** Without it no connection can be trusted, and it may yet be mounted: `unreachable`. */
function trustedBy(path: string): () => string {
  const read = openCaFile(path);
  return () => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CaFileError)) throw error;
      throw new OutboundError('unreachable', `Its caFile ${path} ${error.message}.`, 'not-sent');
    }
  };
}

function serverOf(
  name: string,
  settings: AuthorizationServerSettings,
  options: OAuthTokenEndpointOptions,
): AuthorizationServer {
  return new AuthorizationServer(name, settings, { outbound: outboundFor(settings, options), clock: options.clock });
}
