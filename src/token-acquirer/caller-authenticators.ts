import type { CallerAuthenticator } from '../ports/caller-authenticator.ts';

/** Whoever knows the bearer first says who it is. */
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
