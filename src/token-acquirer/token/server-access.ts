import type { TokenRequestError } from '../../core/errors.ts';
import { contactOf } from '../../core/outage.ts';
import { identityText, type Ms } from '../../core/token.ts';
import type { HeldToken } from './held-token.ts';
import type { Outages, Waiting } from './outages.ts';

/** Decides whether one token may request from its authorization server, which may be unavailable. */
export class ServerAccess {
  readonly #outages: Outages;
  readonly #held: HeldToken;

  constructor(outages: Outages, held: HeldToken) {
    this.#outages = outages;
    this.#held = held;
  }

  get #server(): string {
    return this.#held.specification.authorizationServer;
  }

  get #key(): string {
    return identityText(this.#held.specification.identity);
  }

  /** Of the token, or of the one that is expected. */
  get lifetime(): Ms {
    const { token, specification } = this.#held;
    return token === undefined ? specification.defaultLifetime : token.expiresAt - token.issuedAt;
  }

  /** Why the server counts as unavailable; `undefined` while it is available. */
  get error(): TokenRequestError | undefined {
    return this.#outages.errorOf(this.#server);
  }

  /** Until the next try for all. */
  get pause(): Ms {
    return this.#outages.pause(this.#server);
  }

  mayAsk(): boolean {
    return this.#outages.mayAsk(this.#server, this.#key);
  }

  /** Returns when to look again. */
  wait(calls: Pick<Waiting, 'look' | 'back'>): Ms {
    const { token, specification } = this.#held;
    const { look, back } = calls;
    const urgency = token?.expiresAt ?? 0;
    const { rotates } = specification;
    return this.#outages.wait(this.#server, this.#key, { urgency, rotates, lifetime: this.lifetime, look, back });
  }

  /** Waits for a try that is under way. Returns for how long a client's call is not to try. */
  join(): Promise<Ms> {
    return this.#outages.join(this.#server);
  }

  /** A token request begins. Returns the function to call when it ends; `undefined` where another token tries for all. */
  begin(): ((error?: TokenRequestError) => void) | undefined {
    const [server, key, { lifetime }] = [this.#server, this.#key, this];
    if (!this.#outages.begin(server, key)) return undefined;
    return (error) => this.#outages.end(server, key, { error, lifetime });
  }

  /** Whether the next try after this failure is one for all tokens of the server. */
  isShared(error: TokenRequestError): boolean {
    return contactOf(error) === 'unreached' && this.error !== undefined;
  }

  /** The token no longer waits for its server. */
  leave(): void {
    this.#outages.leave(this.#server, this.#key);
  }
}
