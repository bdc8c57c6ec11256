import type { Redacted } from '../../../core/redacted.ts';
import type { Ms } from '../../../core/token.ts';
import type { Caller, CallerAuthenticator } from '../../../ports/caller-authenticator.ts';
import type { Clock } from '../../../ports/clock.ts';
import {
  type Audiences,
  acceptedAudience,
  type ProjectedToken,
  REFUSALS,
  type Refusal,
  readProjectedToken,
  refusalOf,
} from './projected-token.ts';

export interface GateOptions extends Audiences {
  readonly clock: Pick<Clock, 'now'>;
  /** The longest time from issue to expiry that a caller's token may have. Left out: any time. */
  readonly maxLifetime?: Ms;
  /** Called with the reason for each rejected bearer: a sentence that quotes nothing of the bearer. */
  readonly onRefused?: ((because: string) => void) | undefined;
  /** Called with each client that is known by a token for the former audience. */
  readonly onFormerAudience?: ((caller: Caller) => void) | undefined;
}

/** Finds out whose the token is, or why it is rejected. */
export type Verify = (bearer: Redacted, token: ProjectedToken) => Promise<Caller | Refusal>;

/**
 * Returns an authenticator that first rejects what a bearer says against itself, such as another audience or an expiry in the
 * past. Only the others cost a check.
 */
export function createProjectedTokenGate(options: GateOptions, verify: Verify): CallerAuthenticator {
  const { audience, formerAudience, clock, maxLifetime, onRefused, onFormerAudience } = options;
  const accepted: Audiences = { audience, formerAudience };

  async function answer(bearer: Redacted, token: ProjectedToken): Promise<Caller | Refusal> {
    const expected = { ...accepted, now: clock.now(), ...(maxLifetime !== undefined && { maxLifetime }) };
    return refusalOf(token, expected) ?? verify(bearer, token);
  }

  return {
    async authenticate(bearer) {
      const token = readProjectedToken(bearer.reveal());
      const caller = token === undefined ? 'not-a-service-account-token' : await answer(bearer, token);
      if (typeof caller === 'string') {
        onRefused?.(REFUSALS[caller]);
        return undefined;
      }
      const isFormer = token !== undefined && acceptedAudience(token, accepted) === formerAudience;
      if (isFormer && caller.stranger !== true) onFormerAudience?.(caller);
      return caller;
    },
  };
}
