import { sha256 } from '../core/token.ts';
import type { ReissueAnswer } from '../ports/reissuer.ts';
import type { ClientToken } from './token-source.ts';

/** The token of a reissue answer, `undefined` where the answer leaves it to the volume. The answer names no scope. */
export function answeredToken(answer: ReissueAnswer, scope: string): ClientToken | undefined {
  const { accessToken, issuedAt, expiresAt, generation, header } = answer;
  if (accessToken === undefined) return undefined;
  return { accessToken, issuedAt, expiresAt, generation, sha256: sha256(accessToken.reveal()), scope, header };
}
