import { TokenRequestError } from '../../core/errors.ts';
import { type FileOrigin, faultAtOrigin, type OriginOf } from '../../core/file-origin.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { OAuthServerSettings } from '../../ports/protocols.ts';
import type { ProtocolEndpoint } from '../../ports/token-endpoint.ts';
import type { Resolve } from '../http/addresses.ts';
import { createOutbound, type OutboundFetch } from '../http/outbound.ts';
import { OutboundError } from '../http/outbound-error.ts';
import { CaFileError, openCaFile } from '../tls/ca-file.ts';
import { AuthorizationServer } from './authorization-server.ts';

export interface OAuthTokenEndpointOptions {
  readonly clock: Clock;
  /** For each HTTP exchange as a whole; default 10 s. */
  readonly timeout?: Ms;
  /** Hosts to reach without a configured proxy; default: those of the environment. */
  readonly noProxy?: string;
  readonly resolve?: Resolve;
  /** Returns the ConfigMap or Secret of which a file is a copy; by default there is none. */
  readonly originOf?: OriginOf;
  /** Whether a CA is named in `certificateAuthorities` of the chart. */
  readonly isFromChart?: boolean;
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

function outboundFor(name: string, settings: OAuthServerSettings, options: OAuthTokenEndpointOptions): OutboundFetch {
  const { caFile, proxy } = settings;
  const {
    originOf = () => undefined,
    timeout,
    resolve,
    noProxy = process.env['no_proxy'] ?? process.env['NO_PROXY'],
  } = options;
  return createOutbound({
    ...(timeout === undefined ? {} : { timeout }),
    ...(resolve === undefined ? {} : { resolve }),
    ...(caFile === undefined ? {} : { ca: trustedBy(caFile, originOf(caFile)) }),
    caPlace: caPlaceOf(name, caFile, options),
    ...(proxy === undefined ? {} : { proxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  });
}

/** Names the place where a person keeps the CAs of a server, or may put them. */
function caPlaceOf(
  server: string,
  caFile: string | undefined,
  { originOf, isFromChart = false }: OAuthTokenEndpointOptions,
): string {
  if (caFile !== undefined) return originOf?.(caFile)?.text ?? `the CA file ${caFile}`;
  return isFromChart ? `a ConfigMap that the chart's value certificateAuthorities.${server} names` : 'caFile';
}

/** Reads the CA file. Without it no connection can be trusted, but it may still be mounted: `unreachable`. */
function trustedBy(path: string, origin: FileOrigin | undefined): () => string {
  const read = openCaFile(path);
  return () => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CaFileError)) throw error;
      const message =
        origin === undefined ? `Its caFile ${path} ${error.message}.` : faultAtOrigin('Its CA', error, origin);
      throw new OutboundError('unreachable', message, 'not-sent');
    }
  };
}

function serverOf(
  name: string,
  settings: OAuthServerSettings,
  options: OAuthTokenEndpointOptions,
): AuthorizationServer {
  const { clock, originOf } = options;
  return new AuthorizationServer(name, settings, { outbound: outboundFor(name, settings, options), clock, originOf });
}
