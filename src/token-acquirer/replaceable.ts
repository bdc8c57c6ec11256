import type { Caller, CallerAuthenticator } from '../ports/caller-authenticator.ts';
import type { TokenEndpoint } from '../ports/token-endpoint.ts';
import type { Configuration } from './configuration/resolve.ts';
import { callerNames } from './endpoints/caller-authenticators.ts';

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

type CallerSettings = Pick<Configuration, 'callers' | 'cluster' | 'tokens'>;

/** The check of callers, which is replaced as a whole when the configuration changes, or the names that may call. */
export class ReplaceableAuthenticator implements CallerAuthenticator {
  readonly #create: (settings: CallerSettings) => CallerAuthenticator;
  #current: CallerAuthenticator;
  #names: string;

  /** Throws what `create` throws. */
  constructor(create: (settings: CallerSettings) => CallerAuthenticator, first: CallerSettings) {
    this.#create = create;
    this.#current = create(first);
    this.#names = namesIn(first);
  }

  /** Throws what `create` throws, and changes nothing then. */
  replace(next: CallerSettings): void {
    this.#current = this.#create(next);
    this.#names = namesIn(next);
  }

  /** Only the tokens changed. A check that is made anew would have forgotten whom it has confirmed, so it stays where it can. */
  tokensChanged(next: CallerSettings): void {
    if (namesIn(next) !== this.#names) this.replace(next);
  }

  authenticate(...call: Parameters<CallerAuthenticator['authenticate']>): Promise<Caller | undefined> {
    return this.#current.authenticate(...call);
  }
}

function namesIn({ tokens }: CallerSettings): string {
  return [...callerNames(tokens)].toSorted().join(' ');
}
