import type { Sha256, Token } from '../core/token.ts';

export type ReissueOutcome = 'reissued' | 'coalesced' | 'newer';

/** What the client side learns of a reissue. */
export interface ReissueAnswer {
  readonly outcome: ReissueOutcome;
  readonly stored: boolean;
  readonly generation: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Present with `respondWith: token`; absent, the volume has it. */
  readonly token: Token | undefined;
}

/** The client's way to the token-acquirer. */
export interface Reissuer {
  /** Asks for a successor of the rejected token. Throws ReissueError. */
  reissue(name: string, rejected: Sha256): Promise<ReissueAnswer>;
  /** The current token, for `delivery: endpoint`. Throws ReissueError. */
  current(name: string): Promise<Token>;
}

/** Why no reissue was had. `retryAfter` in ms where the token-acquirer named a time. */
export class ReissueError extends Error {
  override readonly name = 'ReissueError';
  /** HTTP status of the answer, `undefined` where there was none. */
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(message: string, details: { status?: number | undefined; retryAfter?: number | undefined } = {}) {
    super(message);
    this.status = details.status;
    this.retryAfter = details.retryAfter;
  }
}
