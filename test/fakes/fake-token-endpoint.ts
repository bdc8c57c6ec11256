import type { Credential } from '../../src/core/credential.ts';
import { type Progress, TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ProtocolRequest, TokenEndpoint, TokenRequest, TokenResponse } from '../../src/ports/token-endpoint.ts';
import { secret } from '../support/secrets.ts';

export type Scripted = TokenResponse | TokenRequestError;

/** Returns a new token that lives for 60 s, with the fields of the test. */
export function tokenResponse(given: Partial<TokenResponse> = {}): TokenResponse {
  return {
    accessToken: new Redacted(secret('access-token')),
    tokenType: 'Bearer',
    scope: undefined,
    expiresIn: 60,
    refreshToken: undefined,
    ...given,
  };
}

/** Answers from a queue, then with a new token each time, and records the requests. */
export class FakeTokenEndpoint implements TokenEndpoint {
  /** All requests, answered or not: those of OAuth, where a test does not make others. */
  readonly requests: ProtocolRequest<'oauth'>[] = [];
  inFlight = 0;
  highestInFlight = 0;
  readonly #queue: Scripted[] = [];
  #gate: PromiseWithResolvers<void> | undefined;

  /** The problem with the files that a request needs, by authorization server. */
  readonly caFaults = new Map<string, string>();
  /** The problem with the values, by credential. */
  readonly credentialFaults = new Map<string, string>();
  /** The reason why an authorization server cannot be reached, by server. */
  readonly unreachable = new Map<string, string>();
  /** The servers that received a connection without a request. */
  readonly reached: string[] = [];
  /** The revoked access tokens. */
  readonly revoked: string[] = [];
  /** Whether tokens can be revoked. An error makes the revocation fail. */
  revocation: boolean | TokenRequestError = true;
  /** The number of checks for an obstacle. */
  looks = 0;

  obstacle(authorizationServer: string, credential?: Credential): string | undefined {
    this.looks += 1;
    return credential === undefined
      ? this.caFaults.get(authorizationServer)
      : this.credentialFaults.get(credential.name);
  }

  async reach(authorizationServer: string): Promise<string | undefined> {
    this.reached.push(authorizationServer);
    return this.unreachable.get(authorizationServer);
  }

  async revoke(request: TokenRequest, accessToken: Redacted, signal: AbortSignal): Promise<boolean> {
    await Promise.resolve();
    if (signal.aborted) throw cancelled(request, 'not-sent');
    if (this.revocation instanceof TokenRequestError) throw this.revocation;
    if (this.revocation) this.revoked.push(accessToken.reveal());
    return this.revocation;
  }

  /** Queues the next answers in this order. */
  script(...answers: readonly Scripted[]): this {
    this.#queue.push(...answers);
    return this;
  }

  /** Delays every answer from now on until `release`. */
  hold(): this {
    this.#gate ??= Promise.withResolvers<void>();
    return this;
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Rejects with a TokenRequestError on an abort, as the real endpoint does. */
  async request(request: TokenRequest, signal: AbortSignal): Promise<TokenResponse> {
    if (signal.aborted) throw cancelled(request, 'not-sent');
    if (request.beforeSending !== undefined) await request.beforeSending();
    this.requests.push(request as ProtocolRequest<'oauth'>);
    this.inFlight += 1;
    this.highestInFlight = Math.max(this.highestInFlight, this.inFlight);
    try {
      if (this.#gate !== undefined) await openOrAborted(this.#gate.promise, signal);
      if (signal.aborted) throw cancelled(request, 'unknown');
      const answer = this.#queue.shift() ?? tokenResponse();
      if (answer instanceof TokenRequestError) throw answer;
      return answer;
    } finally {
      this.inFlight -= 1;
    }
  }
}

function cancelled({ authorizationServer }: TokenRequest, progress: Progress): TokenRequestError {
  const message = `The request to the authorization server ${authorizationServer} was cancelled.`;
  return new TokenRequestError('unreachable', message, { progress });
}

async function openOrAborted(open: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = (): void => aborted.resolve();
  signal.addEventListener('abort', abort, { once: true });
  await Promise.race([open, aborted.promise]);
  signal.removeEventListener('abort', abort);
}
