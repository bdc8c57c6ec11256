import type { Token, TokenSource } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';

/** Which token was rejected: the one that the source holds now, the one with this hash, or none. */
export type Rejected = 'current' | { readonly sha256: string } | undefined;

/** Returns a valid token, other than the rejected one. Rejects with the reason, a sentence without a secret. */
export async function obtain(source: TokenSource, rejected: Rejected, patience: Ms): Promise<Token> {
  const hash = rejected === 'current' ? heldHash(source) : rejected?.sha256;
  if (hash !== undefined) return source.replace(hash);
  try {
    return await source.ready({ signal: AbortSignal.timeout(patience) });
  } catch {
    return currentOf(source);
  }
}

/** Says best why there is no token. What a program could call then is no advice for the user of a command. */
function currentOf(source: TokenSource): Token {
  try {
    return source.current();
  } catch (error) {
    throw new Error(messageOf(error).replace(': await ready()', ''), { cause: error });
  }
}

/** `undefined` if there is no valid token: an expired one is replaced anyway. */
function heldHash(source: TokenSource): string | undefined {
  try {
    return source.current().sha256;
  } catch {
    return undefined;
  }
}
