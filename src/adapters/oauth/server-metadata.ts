import { allowInsecureRequests, ClientError, customFetch, discovery, None } from 'openid-client';
import { TokenRequestError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import type { Clock } from '../../ports/clock.ts';
import type { OAuthServerSettings } from '../../ports/protocols.ts';
import type { OutboundFetch } from '../http/outbound.ts';
import { cancellation, exchangeFailure, type Peer, peerFailure } from './failures.ts';
import { rejectionOf } from './rejection.ts';

export interface ServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  /** RFC 7009. Left out where the server names none, or one at an origin where no credential may go. */
  readonly revocation_endpoint?: string;
}

export interface MetadataDependencies {
  readonly outbound: OutboundFetch;
  readonly clock: Clock;
}

interface FoundMetadata {
  readonly issuer: string;
  readonly token_endpoint?: string;
  readonly revocation_endpoint?: string;
  /** RFC 8705 section 5: the endpoints for clients that present a certificate. */
  readonly mtls_endpoint_aliases?: { readonly token_endpoint?: string; readonly revocation_endpoint?: string };
}

const KEPT_FOR: Ms = 3_600_000;
/** The pause after metadata could not be fetched again. */
const RETRIED_AFTER: Ms = 60_000;
const OTHER_ISSUER = 'publishes the metadata of another issuer: set issuer to exactly the issuer in its metadata';
const NO_METADATA =
  'publishes no usable metadata under .well-known/openid-configuration or .well-known/oauth-authorization-server: check issuer, or set tokenEndpoint';
const MISMATCH = 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED';

/** Knows where the token endpoint is: from the configuration, or by discovery, which is repeated after an hour. */
export class MetadataSource {
  readonly #settings: OAuthServerSettings;
  readonly #peer: Peer;
  readonly #dependencies: MetadataDependencies;
  #known: { readonly metadata: ServerMetadata; readonly at: Ms } | undefined;
  #pending: Promise<ServerMetadata> | undefined;

  constructor(name: string, settings: OAuthServerSettings, dependencies: MetadataDependencies) {
    this.#settings = settings;
    this.#peer = { name, host: hostOf(settings.tokenEndpoint ?? settings.issuer ?? '') };
    this.#dependencies = dependencies;
  }

  /** Throws TokenRequestError with progress `not-sent`. */
  async get(signal: AbortSignal): Promise<ServerMetadata> {
    const { issuer, tokenEndpoint, revocationEndpoint } = this.#settings;
    if (tokenEndpoint !== undefined) {
      const revocation = revocationEndpoint === undefined ? {} : { revocation_endpoint: revocationEndpoint };
      return { issuer: issuer ?? tokenEndpoint, token_endpoint: tokenEndpoint, ...revocation };
    }
    const known = this.#known;
    if (known !== undefined && this.#dependencies.clock.monotonic() - known.at < KEPT_FOR) return known.metadata;
    this.#pending ??= this.#discoverAgain(known?.metadata).finally(() => {
      this.#pending = undefined;
    });
    try {
      return await unlessAborted(this.#pending, signal);
    } catch (error) {
      throw error === signal.reason ? cancellation(this.#peer, 'not-sent') : error;
    }
  }

  /** Call this where the token endpoint could not be reached, because it may have moved. */
  forget(): void {
    this.#known = undefined;
  }

  /** Where discovery fails, the known metadata stays in use: a token endpoint rarely moves. */
  async #discoverAgain(known: ServerMetadata | undefined): Promise<ServerMetadata> {
    try {
      return await this.#discover();
    } catch (error) {
      if (known === undefined || !(error instanceof TokenRequestError) || error.failure !== 'transient') throw error;
      this.#known = { metadata: known, at: this.#dependencies.clock.monotonic() - KEPT_FOR + RETRIED_AFTER };
      return known;
    }
  }

  async #discover(): Promise<ServerMetadata> {
    const { issuer = '' } = this.#settings;
    if (!URL.canParse(issuer)) throw this.#failure('refused_address', 'has an issuer that is not a URL');
    const why: string[] = [];
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      const found = await this.#look(new URL(issuer), algorithm);
      if (typeof found === 'string') why.push(found);
      else {
        const metadata = this.#permitted(found);
        this.#known = { metadata, at: this.#dependencies.clock.monotonic() };
        return metadata;
      }
    }
    throw this.#failure('invalid_response', why.includes(OTHER_ISSUER) ? OTHER_ISSUER : NO_METADATA);
  }

  #endpointIn(
    { mtls_endpoint_aliases: aliases, ...found }: FoundMetadata,
    name: 'token_endpoint' | 'revocation_endpoint',
  ): string | undefined {
    const certified = this.#settings.clientAuthentication === 'tls_client_auth';
    return (certified ? aliases?.[name] : undefined) ?? found[name];
  }

  /** Returns the metadata, or why this way of discovery gave none. Throws where the other way would fail as well. */
  async #look(issuer: URL, algorithm: 'oidc' | 'oauth2'): Promise<FoundMetadata | string> {
    let failure: TokenRequestError | undefined;
    const ask = async (url: string, { headers }: { headers: Record<string, string> }): Promise<Response> => {
      try {
        const response = await this.#dependencies.outbound(url, { headers });
        failure = this.#serverError(response);
        if (failure === undefined) return response;
      } catch (error) {
        failure = exchangeFailure(error, this.#peer, 'not-sent');
      }
      throw failure;
    };
    try {
      // oxlint-disable-next-line typescript/no-deprecated -- the outbound function decides about plain http, and allows only loopback
      const options = { algorithm, [customFetch]: ask, execute: [allowInsecureRequests] };
      const configuration = await discovery(issuer, 'discovery', undefined, None(), options);
      return configuration.serverMetadata();
    } catch (error) {
      if (failure !== undefined) throw failure;
      return error instanceof ClientError && error.code === MISMATCH ? OTHER_ISSUER : NO_METADATA;
    }
  }

  #serverError(response: Response): TokenRequestError | undefined {
    if (response.status !== 429 && response.status < 500) return undefined;
    const now = this.#dependencies.clock.now();
    return rejectionOf(response, undefined, { peer: this.#peer, now, progress: 'not-sent' });
  }

  /** The credential goes where discovery leads, so a forged or careless answer must not lead it elsewhere. */
  #permitted(found: FoundMetadata): ServerMetadata {
    const tokenEndpoint = this.#endpointIn(found, 'token_endpoint');
    const origin = tokenEndpoint === undefined ? undefined : originOf(tokenEndpoint);
    if (tokenEndpoint === undefined || origin === undefined) {
      throw this.#failure('invalid_response', 'publishes metadata without a usable token_endpoint');
    }
    if (!this.#isPermitted(tokenEndpoint)) {
      const what = `names a token endpoint at another origin, ${origin}: if it is correct, set tokenEndpointOrigin to it`;
      throw this.#failure('refused_address', what);
    }
    const discovered = this.#endpointIn(found, 'revocation_endpoint');
    const permitted = discovered !== undefined && this.#isPermitted(discovered) ? discovered : undefined;
    const { revocationEndpoint = permitted } = this.#settings;
    return {
      issuer: found.issuer,
      token_endpoint: tokenEndpoint,
      ...(revocationEndpoint !== undefined && { revocation_endpoint: revocationEndpoint }),
    };
  }

  #isPermitted(url: string): boolean {
    const { issuer = '', tokenEndpointOrigin = issuer } = this.#settings;
    const origin = originOf(url);
    return origin !== undefined && [originOf(issuer), originOf(tokenEndpointOrigin)].includes(origin);
  }

  #failure(code: TokenRequestError['code'], what: string): TokenRequestError {
    return peerFailure(code, this.#peer, what, { progress: 'not-sent' });
  }
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** Returns host and port for messages, without the user info that a URL may have. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'an unreadable URL';
}
