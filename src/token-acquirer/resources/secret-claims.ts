import type { AccessToken } from '../../core/access-token.ts';
import { messageOf } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { AccessTokens } from '../../ports/access-tokens.ts';
import type { Clock } from '../../ports/clock.ts';

/** Between looks at a Secret that belongs to something else, and attempts after a failure. */
const TRY_AGAIN: Ms = 10_000;

/** Whether the Secret of an AccessToken is its own. `obstacle`: why that is not known. */
export type ClaimState = 'claimed' | 'taken' | { readonly obstacle: string };

export interface SecretClaimsDependencies {
  readonly resources: Pick<AccessTokens, 'claim'>;
  readonly clock: Pick<Clock, 'wait'>;
  /** The state of an AccessToken changed, or its Secret was made anew. */
  readonly changed: (resource: AccessToken) => void;
}

interface Claim {
  state: ClaimState | undefined;
  isRunning: boolean;
}

/** Makes the Secrets of AccessTokens, each in its own time: one that cannot be made holds up no other. */
export class SecretClaims {
  readonly #dependencies: SecretClaimsDependencies;
  readonly #claims = new Map<string, Claim>();
  readonly #stopping = new AbortController();

  constructor(dependencies: SecretClaimsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Returns what is known. Where nothing is known yet, it begins to find out. */
  stateOf(resource: AccessToken): ClaimState | undefined {
    const claim = this.#claims.get(resource.uid);
    if (claim === undefined) void this.#run(resource);
    return claim?.state;
  }

  /** The Secret may be gone. What is known counts until it was looked at. */
  doubt(resource: AccessToken): void {
    if (this.#claims.get(resource.uid)?.isRunning === false) void this.#run(resource);
  }

  /** Forgets all others. */
  keep(resources: readonly AccessToken[]): void {
    const there = new Set(resources.map(({ uid }) => uid));
    for (const uid of this.#claims.keys()) if (!there.has(uid)) this.#claims.delete(uid);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Never rejects. Ends with a claimed Secret, or when the AccessToken is gone. */
  async #run(resource: AccessToken): Promise<void> {
    const { clock } = this.#dependencies;
    const claim = this.#claims.get(resource.uid) ?? { state: undefined, isRunning: true };
    claim.isRunning = true;
    this.#claims.set(resource.uid, claim);
    while (this.#claims.get(resource.uid) === claim && !this.#stopping.signal.aborted) {
      const state = await this.#claim(resource);
      // A Secret that was claimed once is not given up because the API server does not answer.
      if (claim.state !== 'claimed' || typeof state === 'string') claim.state = state;
      this.#dependencies.changed(resource);
      if (state === 'claimed') break;
      await clock.wait(TRY_AGAIN, this.#stopping.signal);
    }
    claim.isRunning = false;
  }

  async #claim(resource: AccessToken): Promise<ClaimState> {
    try {
      return await this.#dependencies.resources.claim(resource);
    } catch (error) {
      return { obstacle: messageOf(error) };
    }
  }
}
