import type { Caller, CallerAuthenticator } from '../ports/caller-authenticator.ts';
import type { TokenEndpoint } from '../ports/token-endpoint.ts';

/** A token endpoint that is replaced as a whole when the configuration changes. A request in flight keeps its own. */
export class ReplaceableTokenEndpoint implements TokenEndpoint {
  #current: TokenEndpoint;

  constructor(first: TokenEndpoint) {
    this.#current = first;
  }

  replace(next: TokenEndpoint): void {
    this.#current = next;
  }

  request(...call: Parameters<TokenEndpoint['request']>): ReturnType<TokenEndpoint['request']> {
    return this.#current.request(...call);
  }

  revoke(...call: Parameters<TokenEndpoint['revoke']>): ReturnType<TokenEndpoint['revoke']> {
    return this.#current.revoke(...call);
  }

  obstacle(...call: Parameters<TokenEndpoint['obstacle']>): ReturnType<TokenEndpoint['obstacle']> {
    return this.#current.obstacle(...call);
  }

  reach(...call: Parameters<TokenEndpoint['reach']>): ReturnType<TokenEndpoint['reach']> {
    return this.#current.reach(...call);
  }
}

/** The check of callers, which is replaced as a whole when the configuration changes. */
export class ReplaceableAuthenticator implements CallerAuthenticator {
  #current: CallerAuthenticator;

  constructor(first: CallerAuthenticator) {
    this.#current = first;
  }

  replace(next: CallerAuthenticator): void {
    this.#current = next;
  }

  authenticate(...call: Parameters<CallerAuthenticator['authenticate']>): Promise<Caller | undefined> {
    return this.#current.authenticate(...call);
  }
}
