import type { Credential } from '../../core/credential.ts';
import { GRANTS } from '../../core/credential-needs.ts';
import { TokenRequestError } from '../../core/errors.ts';
import type { OriginOf } from '../../core/file-origin.ts';
import type { Redacted } from '../../core/redacted.ts';
import type { OAuthDemand, OAuthServerSettings } from '../../ports/protocols.ts';
import type { ProtocolRequest, TokenResponse } from '../../ports/token-endpoint.ts';
import type { OutboundRequest } from '../http/exchange.ts';
import { OutboundError } from '../http/outbound-error.ts';
import { inspectServerCa } from '../http/server-outbound.ts';
import { ExpiredAssertion } from './assertion-file.ts';
import { type ClientProof, clientProof } from './client-authentication.ts';
import { requiredValue } from './credential-values.ts';
import { cancellation, exchangeFailure, type Peer, peerFailure } from './failures.ts';
import { type GrantForm, grantForm, grantProof } from './grant-form.ts';
import { rejectionOf } from './rejection.ts';
import { SecretChoice } from './secret-choice.ts';
import { hostOf, type MetadataDependencies, MetadataSource, type ServerMetadata } from './server-metadata.ts';
import { parseBody, readTokenAnswer } from './token-answer.ts';

/** Without a charset: servers that compare the header with this text reject any other. */
const FORM = 'application/x-www-form-urlencoded';
/** Firewalls may reject requests without any. */
const USER_AGENT = 'token-acquirer';

interface AuthorizationServerDependencies extends MetadataDependencies {
  readonly originOf?: OriginOf | undefined;
}

interface Call {
  readonly clientId: string;
  readonly proof: ClientProof;
  readonly metadata: ServerMetadata;
  readonly peer: Peer;
  readonly signal: AbortSignal;
  readonly connection?: Pick<OutboundRequest, 'keepsConnection' | 'beforeSending'> | undefined;
}

/** One authorization server: finds its endpoints, and sends requests to them. */
export class AuthorizationServer {
  readonly #name: string;
  readonly #settings: OAuthServerSettings;
  readonly #dependencies: AuthorizationServerDependencies;
  readonly #metadata: MetadataSource;
  readonly #secrets: SecretChoice;
  readonly #inspectCa: ReturnType<typeof inspectServerCa>;

  constructor(name: string, settings: OAuthServerSettings, dependencies: AuthorizationServerDependencies) {
    this.#name = name;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#metadata = new MetadataSource(name, settings, dependencies);
    this.#secrets = new SecretChoice(settings.clientAuthentication);
    this.#inspectCa = inspectServerCa(name, settings.caFile, dependencies.originOf);
  }

  /** As TokenEndpoint.request. */
  async request(request: ProtocolRequest<'oauth'>, signal: AbortSignal): Promise<TokenResponse> {
    return this.#secrets.send(request.credential, async (credential, key) => {
      const response = await this.#attempt({ ...request, credential }, signal);
      return key === 'client_secret_next' ? { ...response, nextSecret: true } : response;
    });
  }

  async #attempt(request: ProtocolRequest<'oauth'>, signal: AbortSignal): Promise<TokenResponse> {
    const { clock } = this.#dependencies;
    const form = grantForm(request, clock.now());
    const call = await this.#prepare(request, signal);
    const { peer } = call;
    const { bearerTokenTypes = [] } = this.#settings;
    const requestedTokenType = request.exchange?.requestedTokenType;
    try {
      const response = await this.#send(request, call, form);
      return await readTokenAnswer(response, { peer, now: clock.now(), bearerTokenTypes, requestedTokenType });
    } catch (error) {
      const failure = exchangeFailure(error, peer);
      if (failure.code === 'unreachable' || failure.code === 'timeout') this.#metadata.forget();
      throw failure;
    }
  }

  /**
   * Uses the connection of another request of the same burst. Where the server had just closed it, the request is made again, with
   * new assertions: a second access token does no harm. A refresh token must not be sent twice, so it has its own connection.
   */
  async #send(request: ProtocolRequest<'oauth'>, call: Call, form: GrantForm): Promise<Response> {
    const { token_endpoint: url } = call.metadata;
    const post = async (connection: Call['connection']): Promise<Response> =>
      this.#post(url, await form(call.metadata), { ...call, connection });
    const { grant, beforeSending } = request;
    if (GRANTS[grant].rotates) return post(beforeSending && { beforeSending });
    try {
      return await post({ keepsConnection: true });
    } catch (error) {
      if (error instanceof OutboundError && error.isStale) return post(undefined);
      throw error;
    }
  }

  /** As TokenEndpoint.revoke. */
  async revoke(request: ProtocolRequest<'oauth'>, accessToken: Redacted, signal: AbortSignal): Promise<boolean> {
    const { revocation_endpoint: url } = await this.#metadata.get(signal);
    if (url === undefined) return false;
    const form = (): URLSearchParams =>
      new URLSearchParams({ token_type_hint: 'access_token', token: accessToken.reveal() });
    await this.#secrets.send(request.credential, async (credential) => {
      const call = await this.#prepare({ ...request, credential }, signal);
      const peer = { ...call.peer, host: hostOf(url), sent: undefined };
      try {
        const response = await this.#post(url, form(), call);
        if (response.status !== 200) throw await this.#revocationFailure(response, peer);
      } catch (error) {
        throw exchangeFailure(error, peer);
      }
    });
    return true;
  }

  /** Judges the answer as one to a token request, so that a rejection is not repeated within seconds. */
  async #revocationFailure(response: Response, peer: Peer): Promise<TokenRequestError> {
    const rejection = rejectionOf(response, parseBody(await response.text()), {
      peer,
      now: this.#dependencies.clock.now(),
      progress: 'answered',
    });
    const { code = 'invalid_response', retryAfter, rejectsClient = false } = rejection ?? {};
    const what = `did not revoke the token (HTTP ${response.status})`;
    return peerFailure(code, peer, what, { progress: 'answered', retryAfter, rejectsClient });
  }

  /** Determines how the client proves itself, and where. Nothing has been sent yet. */
  async #prepare(request: ProtocolRequest<'oauth'>, signal: AbortSignal): Promise<Call> {
    const { credential } = request;
    const clientId = requiredValue(credential, 'client_id', 'every token request');
    const proof = clientProof(this.#settings, credential, this.#dependencies.clock.now());
    const metadata = await this.#metadata.get(signal);
    const { clientAuthentication } = this.#settings;
    const sent = { request, clientAuthentication };
    const peer = { name: this.#name, host: hostOf(metadata.token_endpoint), sent };
    if (signal.aborted) throw cancellation(peer, 'not-sent');
    return { clientId, proof, metadata, peer, signal };
  }

  /** Sends a form that the client authenticates. Any answer counts. */
  async #post(
    url: string,
    form: URLSearchParams,
    { clientId, proof, metadata, peer, signal, connection }: Call,
  ): Promise<Response> {
    const headers = new Headers({ accept: 'application/json', 'user-agent': USER_AGENT });
    try {
      await proof.authentication({ ...metadata }, { client_id: clientId }, form, headers);
    } catch (error) {
      throw exchangeFailure(error, peer, 'not-sent');
    }
    headers.set('content-type', FORM);
    const { clientCertificate } = proof;
    return this.#dependencies.outbound(url, {
      method: 'POST',
      headers: Object.fromEntries(headers),
      body: form.toString(),
      signal,
      ...connection,
      ...(clientCertificate && { clientCertificate }),
    });
  }

  /** As TokenEndpoint.obstacle. */
  obstacle(credential: Credential | undefined, demand: OAuthDemand | undefined): string | undefined {
    const now = this.#dependencies.clock.now();
    if (credential === undefined) return this.#inspectCa(now);
    try {
      clientProof(this.#settings, credential, now);
      // What a refresh token needs is not in the credential.
      if (demand !== undefined && !GRANTS[demand.grant].rotates) grantProof({ ...demand, credential }, now);
      return undefined;
    } catch (error) {
      if (!(error instanceof TokenRequestError)) throw error;
      return error.failure === 'configuration' || error instanceof ExpiredAssertion ? error.message : undefined;
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
}
