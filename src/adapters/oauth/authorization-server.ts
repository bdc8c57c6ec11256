import {
  allowInsecureRequests,
  Configuration,
  type CustomFetch,
  customFetch,
  genericGrantRequest,
  type TokenEndpointResponse,
  tokenRevocation,
} from 'openid-client';
import type { Credential } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { faultAtOrigin, type OriginOf } from '../../core/file-origin.ts';
import { Redacted } from '../../core/redacted.ts';
import type { EpochMs } from '../../core/token.ts';
import type { OAuthServerSettings } from '../../ports/protocols.ts';
import type { ProtocolRequest, TokenResponse } from '../../ports/token-endpoint.ts';
import { OutboundError } from '../http/outbound-error.ts';
import { inspectCaFile } from '../tls/ca-file.ts';
import { type ClientProof, clientProof } from './client-authentication.ts';
import { requiredValue } from './credential-values.ts';
import { cancelled, exchangeFailure, type Peer, peerFailure, withRefreshToken } from './failures.ts';
import { grantForm } from './grant-form.ts';
import { hostOf, type MetadataDependencies, MetadataSource, type ServerMetadata } from './server-metadata.ts';
import { readTokenAnswer, type TokenAnswer } from './token-answer.ts';

/** Without the charset that the library adds: servers that compare the header with this text reject any other. */
const FORM = 'application/x-www-form-urlencoded';

const CA_MISSING =
  'Create it, or correct caFile. In a cluster, create the ConfigMap or Secret that certificateAuthorities names for this server.';

interface AuthorizationServerDependencies extends MetadataDependencies {
  readonly originOf?: OriginOf | undefined;
}

type CustomFetchOptions = Parameters<CustomFetch>[1];

interface Call {
  readonly configuration: Configuration;
  readonly proof: ClientProof;
  readonly peer: Peer;
  readonly signal: AbortSignal;
}

interface Attempt extends Call {
  readonly grant: string;
  readonly form: URLSearchParams;
}

/** One authorization server: where its token endpoint is, and requests to it. */
export class AuthorizationServer {
  readonly #name: string;
  readonly #settings: OAuthServerSettings;
  readonly #dependencies: AuthorizationServerDependencies;
  readonly #metadata: MetadataSource;
  readonly #inspectCa: ReturnType<typeof inspectCaFile> | undefined;

  constructor(name: string, settings: OAuthServerSettings, dependencies: AuthorizationServerDependencies) {
    this.#name = name;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#metadata = new MetadataSource(name, settings, dependencies);
    this.#inspectCa = settings.caFile === undefined ? undefined : inspectCaFile(settings.caFile);
  }

  /** As TokenEndpoint.request. */
  async request(request: ProtocolRequest<'oauth'>, signal: AbortSignal): Promise<TokenResponse> {
    const form = grantForm(request);
    const call = await this.#prepare(request, signal);
    try {
      return await this.#exchange({ ...call, grant: request.grant, form });
    } catch (error) {
      const failure = exchangeFailure(error, call.peer);
      if (failure.code === 'unreachable' || failure.code === 'timeout') this.#metadata.forget();
      throw failure;
    }
  }

  /** As TokenEndpoint.revoke. */
  async revoke(request: ProtocolRequest<'oauth'>, accessToken: Redacted, signal: AbortSignal): Promise<boolean> {
    const { revocation_endpoint: url } = await this.#metadata.get(signal);
    if (url === undefined) return false;
    const call = await this.#prepare(request, signal);
    const peer = { ...call.peer, host: hostOf(url), sent: undefined };
    let failure: TokenRequestError | undefined;
    call.configuration[customFetch] = async (to, options) => {
      try {
        const response = await this.#post(to, options, call);
        const what = `did not revoke the token (HTTP ${response.status})`;
        failure = peerFailure('invalid_response', peer, what, { progress: 'answered' });
        return response;
      } catch (error) {
        failure = exchangeFailure(error, peer);
        throw failure;
      }
    };
    try {
      await tokenRevocation(call.configuration, accessToken.reveal(), { token_type_hint: 'access_token' });
      return true;
    } catch (error) {
      // The library wraps what the function above threw, and quotes bodies.
      throw failure ?? exchangeFailure(error, peer, 'not-sent');
    }
  }

  /** How the client is to prove itself, and where. Nothing has been sent yet. */
  async #prepare(request: ProtocolRequest<'oauth'>, signal: AbortSignal): Promise<Call> {
    const { credential } = request;
    const clientId = requiredValue(credential, 'client_id', 'every token request');
    const proof = clientProof(this.#settings, credential);
    const metadata = await this.#metadata.get(signal);
    const { clientAuthentication } = this.#settings;
    const sent = { request, clientAuthentication };
    const peer = { name: this.#name, host: hostOf(metadata.token_endpoint), sent };
    if (signal.aborted) throw cancelled(peer, 'not-sent');
    const configuration = new Configuration({ ...metadata }, clientId, undefined, proof.authentication);
    permitLoopback(configuration, metadata);
    // The outbound function keeps the time, and knows how far the request had got.
    configuration.timeout = 0;
    return { configuration, proof, peer, signal };
  }

  #post(
    url: string,
    { method, headers, body }: CustomFetchOptions,
    { proof: { clientCertificate }, signal }: Call,
  ): Promise<Response> {
    return this.#dependencies.outbound(url, {
      method,
      headers: { ...headers, 'content-type': FORM },
      body: body instanceof URLSearchParams ? body.toString() : '',
      signal,
      ...(clientCertificate && { clientCertificate }),
    });
  }

  /** As TokenEndpoint.obstacle. */
  obstacle(credential: Credential | undefined): string | undefined {
    if (credential === undefined) return this.#caFault();
    try {
      clientProof(this.#settings, credential);
      return undefined;
    } catch (error) {
      if (!(error instanceof TokenRequestError)) throw error;
      return error.failure === 'configuration' ? error.message : undefined;
    }
  }

  /** As TokenEndpoint.reach. */
  async reach(signal: AbortSignal): Promise<string | undefined> {
    const { tokenEndpoint, issuer = '' } = this.#settings;
    let host = hostOf(tokenEndpoint ?? issuer);
    try {
      const metadata = await this.#metadata.get(signal);
      host = hostOf(metadata.token_endpoint);
      await this.#connect(metadata.token_endpoint, signal);
      return undefined;
    } catch (error) {
      return signal.aborted ? undefined : exchangeFailure(error, { name: this.#name, host }, 'not-sent').message;
    }
  }

  /**
   * Metadata may be an hour old, so only a connection shows that the server answers. Any answer counts: the token endpoint
   * may allow POST only. A server that wants a client certificate may end a connection without one, so it is not tried.
   */
  async #connect(tokenEndpoint: string, signal: AbortSignal): Promise<void> {
    if (this.#settings.clientAuthentication === 'tls_client_auth') return;
    try {
      await this.#dependencies.outbound(tokenEndpoint, { signal });
    } catch (error) {
      if (!(error instanceof OutboundError) || error.code !== 'invalid_response') throw error;
    }
  }

  #caFault(): string | undefined {
    const fault = this.#inspectCa?.(this.#dependencies.clock.now());
    if (fault === undefined || fault.mayPass) return undefined;
    const { caFile = '' } = this.#settings;
    const origin = this.#dependencies.originOf?.(caFile);
    if (origin !== undefined) return faultAtOrigin(`The CA of the authorization server ${this.#name}`, fault, origin);
    const remedy = fault.isMissing ? CA_MISSING : 'Correct the file.';
    return `The CA file ${caFile} of the authorization server ${this.#name} ${fault.message}. ${remedy}`;
  }

  /** The library authenticates and asks; what it is answered has been read, and its errors judged, before it sees it. */
  async #exchange(attempt: Attempt): Promise<TokenResponse> {
    const { grant, form, configuration, peer } = attempt;
    const { clock } = this.#dependencies;
    const { bearerTokenTypes = [] } = this.#settings;
    let answer: TokenAnswer | undefined;
    let serverDate: EpochMs | undefined;
    let failure: TokenRequestError | undefined;
    const ask: CustomFetch = async (url, options) => {
      try {
        const response = await this.#post(url, options, attempt);
        serverDate = dateOf(response);
        answer = await readTokenAnswer(response, { peer, now: clock.now(), bearerTokenTypes });
        return Response.json(answer.members);
      } catch (error) {
        failure = exchangeFailure(error, peer);
        throw failure;
      }
    };
    configuration[customFetch] = ask;
    try {
      const tokens = await genericGrantRequest(configuration, grant, form);
      return toResponse(tokens, answer?.expiresIn, serverDate);
    } catch (error) {
      // The library wraps what the function above threw.
      if (failure !== undefined) throw failure;
      if (answer === undefined) throw exchangeFailure(error, peer, 'not-sent');
      throw withRefreshToken(exchangeFailure(error, peer), redacted(answer.members.refresh_token));
    }
  }
}

function permitLoopback(configuration: Configuration, metadata: ServerMetadata): void {
  // oxlint-disable-next-line typescript/no-deprecated -- the outbound function allows plain http to loopback alone
  if (metadata.token_endpoint.startsWith('http:')) allowInsecureRequests(configuration);
}

/** RFC 9110 section 6.6.1. */
function dateOf(response: Response): EpochMs | undefined {
  const date = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(date) ? undefined : date;
}

function toResponse(tokens: TokenEndpointResponse, expiresIn: unknown, serverDate: EpochMs | undefined): TokenResponse {
  return {
    accessToken: new Redacted(tokens.access_token),
    tokenType: 'Bearer',
    scope: tokens.scope,
    expiresIn,
    refreshToken: redacted(tokens.refresh_token),
    serverDate,
  };
}

function redacted(text: string | undefined): Redacted | undefined {
  return text === undefined ? undefined : new Redacted(text);
}
