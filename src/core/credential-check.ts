import { formatDuration } from './duration.ts';
import type { Ms, TokenIdentity } from './token.ts';
import { identityText } from './token.ts';

/** The facts of a configured token that a check needs. */
export interface Checkable {
  readonly identity: TokenIdentity;
  readonly credential: string;
  readonly authorizationServer: string;
  /** How the credential is used, which is the grant in OAuth. */
  readonly use: string;
}

/**
 * Which tokens to try a credential with: the named one, or for the name of a credential the first token of each
 * authorization server and use of it. None where nothing of this name is configured.
 */
export function tokensToCheck<Token extends Checkable>(name: string, tokens: readonly Token[]): readonly Token[] {
  const named = tokens.filter(({ identity }) => identityText(identity) === name);
  if (named.length > 0) return named;
  const uses = new Map<string, Token>();
  for (const token of tokens) {
    const { credential, authorizationServer, use } = token;
    const key = JSON.stringify([authorizationServer, use]);
    if (credential === name && !uses.has(key)) uses.set(key, token);
  }
  return [...uses.values()];
}

/** How the check of a credential ended. Nothing in it is secret. */
export type CheckOutcome =
  | {
      readonly kind: 'accepted';
      readonly lifetime: Ms;
      readonly revocation: Revocation;
      /** Whether the server rejected the first secret and accepted the second. */
      readonly nextSecret?: boolean;
      /** The check of the second secret, where the first was accepted. */
      readonly next?: CheckOutcome;
    }
  /** The request failed, or could not be sent. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** Not tried: the server has just rejected these values. */
  | { readonly kind: 'withheld'; readonly code: string; readonly message: string; readonly retryIn: Ms }
  /** Not tried: a request would spend the refresh token. */
  | { readonly kind: 'spending' };

/**
 * What became of the token of a check. `unsupported`: the server names no revocation endpoint. `in-use`: the server gave a
 * token that a client app has.
 */
export type Revocation = 'revoked' | 'unsupported' | 'in-use' | { readonly failed: string };

/** Returns the result of a check in sentences. */
export function checkSentence({ identity, authorizationServer, use }: Checkable, outcome: CheckOutcome): string {
  const purpose = `for ${identityText(identity)} (${use})`;
  switch (outcome.kind) {
    case 'accepted':
      return `The authorization server ${authorizationServer} accepted it: it gave a token ${purpose}. ${secretOf(outcome)}${fateOf(outcome)}${nextOf(outcome)}`;
    case 'failed':
      return `It was tried ${purpose} without success. ${outcome.code}: ${outcome.message}`;
    case 'withheld':
      return `It was not tried ${purpose}: an attempt with the same values failed a short time ago, and repeated attempts may lock the account. Try again in ${formatDuration(wholeSeconds(outcome.retryIn))}, or correct the credential. ${outcome.code}: ${outcome.message}`;
    case 'spending':
      return `It was not tried ${purpose}: a request would spend the refresh token, which the next renewal needs. \`token-acquirer status\` shows how the last renewal ended.`;
  }
}

function secretOf({ nextSecret = false }: Extract<CheckOutcome, { kind: 'accepted' }>): string {
  if (!nextSecret) return '';
  return 'It rejected client_secret and accepted client_secret_next: put that value into client_secret. ';
}

function nextOf({ next }: Extract<CheckOutcome, { kind: 'accepted' }>): string {
  if (next === undefined) return '';
  if (next.kind === 'accepted') return ' It accepted client_secret_next, too.';
  const problem = 'code' in next ? ` ${next.code}: ${next.message}` : '';
  return ` client_secret_next was ${next.kind === 'failed' ? 'tried without success' : 'not tried'}.${problem}`;
}

/** Returns what counts of a check: the worse of the results of two secrets. */
export function resultOf(outcome: CheckOutcome): CheckOutcome['kind'] {
  return outcome.kind === 'accepted' ? (outcome.next?.kind ?? 'accepted') : outcome.kind;
}

function fateOf({ lifetime, revocation }: Extract<CheckOutcome, { kind: 'accepted' }>): string {
  const ends = `it ends by itself after ${formatDuration(wholeSeconds(lifetime))}`;
  if (revocation === 'revoked') return 'That token was revoked, and stored nowhere.';
  if (revocation === 'in-use') return 'It is the token that is in use already, so it was not revoked.';
  if (revocation === 'unsupported')
    return `That token was stored nowhere; ${ends}, because the server names no revocation endpoint.`;
  return `That token was stored nowhere; ${ends}, because it could not be revoked. ${revocation.failed}`;
}

function wholeSeconds(time: Ms): Ms {
  return Math.max(1000, Math.ceil(time / 1000) * 1000);
}
