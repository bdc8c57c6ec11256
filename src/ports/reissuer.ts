import type { Redacted } from '../core/redacted.ts';
import type { ReissueCause } from '../core/reissue.ts';
import type { EpochMs, Ms, Sha256 } from '../core/token.ts';
import type { TokenHeader } from '../core/token-header.ts';
import type { DocumentedToken } from '../core/token-volume.ts';

export type ReissueOutcome = 'reissued' | 'coalesced' | 'newer';

/** What the client side learns of a reissue. */
export interface ReissueAnswer {
  readonly outcome: ReissueOutcome;
  readonly stored: boolean;
  readonly generation: number;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  /** What was left of its life when the answer was made: right whatever the clocks of both sides say. */
  readonly expiresIn?: Ms | undefined;
  /** Present with `respondWith: token`; absent, the volume will have it. */
  readonly accessToken: Redacted | undefined;
  /** The header that carries the token; `undefined` for `Authorization: Bearer`. */
  readonly header?: TokenHeader | undefined;
}

/** A token as the token-acquirer gives it. */
export interface CurrentToken extends DocumentedToken {
  readonly expiresIn?: Ms | undefined;
}

/** When a generation was first seen in the mounted volume. */
export interface Sighting {
  readonly generation: number;
  readonly at: EpochMs;
}

/** What a client reports with a rejected token. */
export interface ReissueReport {
  readonly cause?: ReissueCause | undefined;
  /** How far behind the volume is. */
  readonly sighting?: Sighting | undefined;
}

/** The client's way to the token-acquirer. */
export interface Reissuer {
  /** Asks for a token in place of the rejected or expired one. Throws ReissueError. */
  reissue(name: string, rejected: Sha256, report?: ReissueReport): Promise<ReissueAnswer>;
  /** The current token, for `delivery: endpoint`. Throws ReissueError. */
  current(name: string): Promise<CurrentToken>;
}
