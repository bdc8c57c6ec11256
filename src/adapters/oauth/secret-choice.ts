import type { Credential } from '../../core/credential.ts';
import { CLIENT_AUTHENTICATIONS, type ClientAuthentication } from '../../core/credential-needs.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { accepted, orderFor, otherThan, rejected, type SecretOrder, withSecret } from '../../core/secret-order.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';

type Attempt = (credential: Credential) => Promise<TokenResponse>;

/**
 * Sends the second secret of a credential where the server rejects the first, and then prefers the one that was accepted. All
 * tokens of an authorization server share what is known, so one of them finds out and the others follow.
 */
export class SecretChoice {
  readonly #takesNext: boolean;
  /** By credential. */
  readonly #orders = new Map<string, SecretOrder>();
  /** Attempts with the other secret. */
  readonly #trials = new Map<string, Promise<void>>();

  constructor(clientAuthentication: ClientAuthentication) {
    const takes: readonly string[] = CLIENT_AUTHENTICATIONS[clientAuthentication].takes;
    this.#takesNext = takes.includes('client_secret_next');
  }

  /** Returns the credential with the secret to send first. */
  preferred(credential: Credential): Credential {
    return this.#takesNext ? withSecret(credential, this.#order(credential).preferred) : credential;
  }

  /** Calls `attempt` once, or twice where the server rejects the client. Throws the error of the first attempt. */
  async send(credential: Credential, attempt: Attempt): Promise<TokenResponse> {
    if (!this.#takesNext || credential.values.client_secret_next === undefined) return attempt(credential);
    const { preferred } = this.#order(credential);
    try {
      const response = await this.#attempt(credential, preferred, attempt);
      this.#orders.set(credential.name, accepted(this.#order(credential), preferred));
      return response;
    } catch (error) {
      if (!isRejection(error)) throw error;
      // Another token may be about to find out.
      await this.#trials.get(credential.name);
      const now = this.#order(credential);
      if (now.preferred !== preferred) return this.#attempt(credential, now.preferred, attempt);
      if (!now.mayTryOther) throw error;
      return this.#try(credential, attempt, error);
    }
  }

  async #try(credential: Credential, attempt: Attempt, rejection: TokenRequestError): Promise<TokenResponse> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#trials.set(credential.name, over);
    const order = this.#order(credential);
    const other = otherThan(order.preferred);
    try {
      const response = await this.#attempt(credential, other, attempt);
      this.#orders.set(credential.name, accepted(order, other));
      return response;
    } catch (error) {
      if (!(error instanceof TokenRequestError) || error.failure === 'transient') throw rejection;
      this.#orders.set(credential.name, isRejection(error) ? rejected(order) : accepted(order, other));
      throw isRejection(error) ? rejection : error;
    } finally {
      this.#trials.delete(credential.name);
      end();
    }
  }

  async #attempt(credential: Credential, key: SecretOrder['preferred'], attempt: Attempt): Promise<TokenResponse> {
    const response = await attempt(withSecret(credential, key));
    return key === 'client_secret_next' ? { ...response, nextSecret: true } : response;
  }

  #order(credential: Credential): SecretOrder {
    return orderFor(credential, this.#orders.get(credential.name));
  }
}

function isRejection(error: unknown): error is TokenRequestError {
  return error instanceof TokenRequestError && error.rejectsClient;
}
