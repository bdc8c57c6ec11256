import {
  allowInsecureRequests,
  Configuration,
  type CustomFetch,
  customFetch,
  genericGrantRequest,
  type TokenEndpointResponse,
} from 'openid-client';
import type { Credential } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { faultAtOrigin, type OriginOf } from '../../core/file-origin.ts';
import { Redacted } from '../../core/redacted.ts';
import type { EpochMs } from '../../core/token.ts';
import type { TokenRequest, TokenResponse } from '../../ports/token-endpoint.ts';
import { inspectCaFile } from '../tls/ca-file.ts';
import { type ClientProof, clientProof } from './client-authentication.ts';
import { requiredValue } from './credential-values.ts';
import { cancelled, exchangeFailure, type Peer, withRefreshToken } from './failures.ts';
import { grantForm } from './grant-form.ts';
import { hostOf, type MetadataDependencies, MetadataSource, type ServerMetadata } from './server-metadata.ts';
import type { AuthorizationServerSettings } from './settings.ts';
import { readTokenAnswer, type TokenAnswer } from './token-answer.ts';

/** Without the charset that the library adds: servers that compare the header with this text reject any other. */
const FORM = 'application/x-www-form-urlencoded';

const CA_MISSING =
  'Create it, or correct caFile. In a cluster, create the ConfigMap or Secret that certificateAuthorities names for this server.';

interface AuthorizationServerDependencies extends MetadataDependencies {
  readonly originOf?: OriginOf | undefined;
}

interface Attempt {
  readonly grant: string;
  readonly form: URLSearchParams;
  readonly configuration: Configuration;
  readonly proof: ClientProof;
  readonly peer: Peer;
  readonly signal: AbortSignal;
}

/** One authorization server: where its token endpoint is, and requests to it. */
export class AuthorizationServer {
  readonly #name: string;
  readonly #settings: AuthorizationServerSettings;
  readonly #dependencies: AuthorizationServerDependencies;
  readonly #metadata: MetadataSource;
  readonly #inspectCa: ReturnType<typeof inspectCaFile> | undefined;

  constructor(name: string, settings: AuthorizationServerSettings, dependencies: AuthorizationServerDependencies) {
    this.#name = name;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#metadata = new MetadataSource(name, settings, dependencies);
    this.#inspectCa = settings.caFile === undefined ? undefined : inspectCaFile(settings.caFile);
  }

  /** As TokenEndpoint.request. */
  async request(request: TokenRequest, signal: AbortSignal): Promise<TokenResponse> {
    const { grant, credential } = request;
    const form = grantForm(request);
    const clientId = requiredValue(credential, 'client_id', 'every token request');
    const proof = clientProof(this.#settings, credential);
    const metadata = await this.#metadata.get(signal);
    const { clientAuthentication } = this.#settings;
    const sent = { request, clientAuthentication };
    const peer = { name: this.#name, host: hostOf(metadata.token_endpoint), sent };
    if (signal.aborted) throw cancelled(peer, 'not-sent');
    const configuration = new Configuration({ ...metadata }, clientId, undefined, proof.authentication);
    permitLoopback(configuration, metadata);
    try {
      return await this.#exchange({ grant, form, configuration, proof, peer, signal });
    } catch (error) {
      const failure = exchangeFailure(error, peer);
      if (failure.code === 'unreachable' || failure.code === 'timeout') this.#metadata.forget();
      throw failure;
    }
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

  /** As TokenEndpoint.reach. Any answer of a stated token endpoint counts: it may well allow POST only. */
  async reach(signal: AbortSignal): Promise<string | undefined> {
    const { tokenEndpoint } = this.#settings;
    try {
      if (tokenEndpoint === undefined) await this.#metadata.get(signal);
      else await this.#dependencies.outbound(tokenEndpoint, { signal });
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      const peer = { name: this.#name, host: hostOf(tokenEndpoint ?? this.#settings.issuer ?? '') };
      return exchangeFailure(error, peer, 'not-sent').message;
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
  async #exchange({ grant, form, configuration, proof, peer, signal }: Attempt): Promise<TokenResponse> {
    const { outbound, clock } = this.#dependencies;
    const { clientCertificate } = proof;
    const { bearerTokenTypes = [] } = this.#settings;
    let answer: TokenAnswer | undefined;
    let serverDate: EpochMs | undefined;
    let failure: TokenRequestError | undefined;
    const ask: CustomFetch = async (url, { method, headers, body }) => {
      try {
        const sent = body instanceof URLSearchParams ? body.toString() : '';
        const response = await outbound(url, {
          method,
          headers: { ...headers, 'content-type': FORM },
          body: sent,
          signal,
          ...(clientCertificate && { clientCertificate }),
        });
        serverDate = dateOf(response);
        answer = await readTokenAnswer(response, { peer, now: clock.now(), bearerTokenTypes });
        return Response.json(answer.members);
      } catch (error) {
        failure = exchangeFailure(error, peer);
        throw failure;
      }
    };
    configuration[customFetch] = ask;
    // The outbound function keeps the time, and knows how far the request had got.
    configuration.timeout = 0;
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
