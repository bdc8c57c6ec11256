import type { Credential } from '../../core/credential.ts';
import { type ClientAuthentication, takesNextSecret } from '../../core/credential-needs.ts';
import { TokenRequestError } from '../../core/errors.ts';
import {
  accepted,
  orderFor,
  otherThan,
  rejected,
  type SecretKey,
  type SecretOrder,
  withSecret,
} from '../../core/secret-order.ts';

/** Sends one request with the credential, whose `client_secret` is the secret of this key. */
type Attempt<Answer> = (credential: Credential, key: SecretKey) => Promise<Answer>;

/**
 * Sends the second secret of a credential where the server rejects the first, and then prefers the one that was accepted. All
 * tokens of an authorization server share what is known, so one of them finds out and the others follow.
 */
export class SecretChoice {
  readonly #takesNext: boolean;
  /** By credential, for the values that were sent last. */
  readonly #orders = new Map<string, SecretOrder>();
  /** Attempts with the other secret, by the values of the credential. */
  readonly #trials = new Map<string, Promise<void>>();

  constructor(clientAuthentication: ClientAuthentication) {
    this.#takesNext = takesNextSecret(clientAuthentication);
  }

  /**
   * Calls `attempt` once, or twice where the server rejects the client. After a second attempt that the server did not
   * judge, it throws the rejection of the first one.
   */
  async send<Answer>(credential: Credential, attempt: Attempt<Answer>): Promise<Answer> {
    if (!this.#takesNext || credential.values.client_secret_next === undefined)
      return attempt(credential, 'client_secret');
    const { preferred } = this.#begin(credential);
    try {
      const answer = await attemptWith(credential, preferred, attempt);
      // Another request may have found out more since this one was sent.
      if (this.#order(credential).preferred === preferred)
        this.#learn(credential, (order) => accepted(order, preferred));
      return answer;
    } catch (error) {
      if (!isRejection(error)) throw error;
      const trial = this.#trials.get(credential.fingerprint);
      // Another token may be about to find out.
      await trial;
      const now = this.#order(credential);
      if (now.preferred !== preferred) return attemptWith(credential, now.preferred, attempt);
      // A trial without a result must not be followed by one of each token that waited for it.
      if (trial !== undefined || !now.mayTryOther) throw error;
      return this.#try(credential, attempt, error);
    }
  }

  async #try<Answer>(credential: Credential, attempt: Attempt<Answer>, rejection: TokenRequestError): Promise<Answer> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#trials.set(credential.fingerprint, over);
    const other = otherThan(this.#order(credential).preferred);
    try {
      const answer = await attemptWith(credential, other, attempt);
      this.#learn(credential, (order) => accepted(order, other));
      return answer;
    } catch (error) {
      if (isRejection(error)) {
        this.#learn(credential, rejected);
        throw rejection;
      }
      if (!isJudgment(error)) throw afterTrial(rejection, error);
      this.#learn(credential, (order) => accepted(order, other));
      throw error;
    } finally {
      this.#trials.delete(credential.fingerprint);
      end();
    }
  }

  /** From now on, the values of this credential are those that count. */
  #begin(credential: Credential): SecretOrder {
    const order = this.#order(credential);
    this.#orders.set(credential.name, order);
    return order;
  }

  /** Keeps what an answer showed, unless the credential has other values by now. */
  #learn(credential: Credential, change: (order: SecretOrder) => SecretOrder): void {
    const order = this.#orders.get(credential.name);
    if (order?.fingerprint === credential.fingerprint) this.#orders.set(credential.name, change(order));
  }

  #order(credential: Credential): SecretOrder {
    return orderFor(credential, this.#orders.get(credential.name));
  }
}

async function attemptWith<Answer>(credential: Credential, key: SecretKey, attempt: Attempt<Answer>): Promise<Answer> {
  return attempt(withSecret(credential, key), key);
}

function isRejection(error: unknown): error is TokenRequestError {
  return error instanceof TokenRequestError && error.rejectsClient;
}

/** Whether the server accepted the client and rejected what it asked for. A proxy judges no client. */
function isJudgment(error: unknown): boolean {
  if (!(error instanceof TokenRequestError)) return false;
  return error.progress === 'answered' && error.failure === 'configuration' && error.code !== 'proxy_denied';
}

/**
 * Returns the rejection with what the second attempt left. Both attempts send the same refresh token, so the second one may
 * have spent it.
 */
function afterTrial({ code, message }: TokenRequestError, error: unknown): TokenRequestError {
  const { progress = 'unknown', refreshToken, retryAfter } = error instanceof TokenRequestError ? error : {};
  return new TokenRequestError(code, message, {
    progress: progress === 'unknown' ? 'unknown' : 'answered',
    refreshToken,
    retryAfter,
    rejectsClient: true,
    cause: error,
  });
}
