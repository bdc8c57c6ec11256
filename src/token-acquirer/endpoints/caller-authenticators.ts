import type { CallerAuthenticator } from '../../ports/caller-authenticator.ts';
import type { TokenSpecification } from '../token/specification.ts';

/** Returns every name that is in the `clients` or `evidence.reporters` of a token. */
export function callerNames(tokens: readonly Pick<TokenSpecification, 'clients' | 'evidence'>[]): ReadonlySet<string> {
  return new Set(tokens.flatMap(({ clients, evidence }) => [...clients, ...(evidence?.reporters ?? [])]));
}

/** Returns an authenticator that asks the others in turn. The first that knows the bearer names the caller. */
export function firstToKnow(authenticators: readonly CallerAuthenticator[]): CallerAuthenticator {
  return {
    async authenticate(bearer) {
      for (const authenticator of authenticators) {
        const caller = await authenticator.authenticate(bearer);
        if (caller !== undefined) return caller;
      }
      return undefined;
    },
  };
}
