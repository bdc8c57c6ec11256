import { TokenRequestError } from '../../core/errors.ts';
import { identityText } from '../../core/token.ts';
import type { TokenEndpoint, TokenRequest, TokenResponse } from '../../ports/token-endpoint.ts';
import type { CredentialGate } from './credential-gate.ts';
import type { CredentialProofs } from './credential-proofs.ts';
import type { CredentialReader } from './credential-readings.ts';
import type { RefreshChain } from './refresh-chain.ts';
import type { Slots } from './slots.ts';
import { requestWith, type TokenSpecification } from './specification.ts';

export interface TokenExchangeDependencies {
  readonly endpoint: TokenEndpoint;
  readonly chain: RefreshChain;
  readonly slots: Slots;
  readonly gate: CredentialGate;
  readonly proofs: CredentialProofs;
  /** Aborts when requests are to be abandoned. */
  readonly abandon: AbortSignal;
}

/** What a token request gave. */
export interface Obtained {
  readonly response: TokenResponse;
  /** Of the credential that was sent; `undefined` where a change of it does not count. */
  readonly proof: string | undefined;
}

/** Makes one token request: reads the credential, passes the gate, and spends the refresh token through the chain. */
export class TokenExchange {
  readonly #dependencies: TokenExchangeDependencies;
  /** Identifies the credential with which this token was last obtained. */
  #proof: string | undefined;

  constructor(dependencies: TokenExchangeDependencies) {
    this.#dependencies = dependencies;
  }

  /** `isAllowed` is asked last before the request is sent. Throws TokenRequestError, UsageError and StoreError. */
  async request(
    specification: TokenSpecification,
    reader: CredentialReader,
    isAllowed: () => boolean,
  ): Promise<Obtained> {
    const { gate, proofs } = this.#dependencies;
    const { authorizationServer, use, rotates, credential: name, neededKeys } = specification;
    const credential = await reader.read(name, neededKeys);
    const proof = JSON.stringify([authorizationServer, use, name, credential.fingerprint]);
    const sender = { token: identityText(specification.identity), proven: this.#proof === proof };
    const report = await gate.enter({ authorizationServer, use, rotates, credential }, sender);
    try {
      const response = await this.#send(requestWith(credential, specification), specification, isAllowed);
      this.#proof = proof;
      report(undefined);
      const counts = specification.onCredentialChange === 'reissue';
      return { response, proof: counts ? proofs.of(credential, neededKeys) : undefined };
    } catch (error) {
      report(error instanceof TokenRequestError ? error : UNKNOWN);
      throw error;
    }
  }

  async #send(
    request: TokenRequest,
    { rotates, refreshTokenReuse }: TokenSpecification,
    isAllowed: () => boolean,
  ): Promise<TokenResponse> {
    const { endpoint, chain, slots, abandon } = this.#dependencies;
    // While it waited for its turn, the process may have been paused, and another replica may have taken over.
    const send = (one: TokenRequest): Promise<TokenResponse> => {
      if (!isAllowed()) throw NOT_LEADING;
      return endpoint.request(one, abandon);
    };
    if (!rotates) return send(request);
    const response = await chain.exchange(request.credential, refreshTokenReuse, async (refreshToken, beforeSending) =>
      send({ ...request, refreshToken, beforeSending }),
    );
    slots.noteExchange(request.authorizationServer);
    return response;
  }
}

const NOT_LEADING = new TokenRequestError('state_busy', 'Another replica of the token-acquirer leads now.', {
  progress: 'not-sent',
});

/** For the gate: an error inside the token-acquirer shows nothing about the credential. */
const UNKNOWN = new TokenRequestError('server_error', 'The token request failed inside the token-acquirer.', {
  progress: 'unknown',
});
