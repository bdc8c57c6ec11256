import { deadline, type Instant } from '../../core/instant.ts';
import { isSamePolicy, jitterOf, type RenewalRule, renewalTime } from '../../core/renewal.ts';
import type { EpochMs, Ms, Token } from '../../core/token.ts';
import type { Random } from '../../ports/random.ts';

/** `renew_at` is stored in whole milliseconds, so recomputing it may differ by rounding. */
const ROUNDING: Ms = 2;

export interface Deadlines {
  readonly renewal: Instant;
  readonly expiry: Instant;
}

/** When the held token is renewed and when it expires, on both clocks. The jitter is drawn once per token. */
export class RenewalSchedule {
  readonly #random: Random;
  #policy: RenewalRule;
  #jitter = 0;
  /** The policy that the token's `renew_at` follows from; `undefined` where that is not known. */
  #followed: RenewalRule | undefined;
  #issued: Instant | undefined;
  #deadlines: Deadlines | undefined;

  constructor(policy: RenewalRule, random: Random) {
    this.#policy = policy;
    this.#random = random;
  }

  get deadlines(): Deadlines | undefined {
    return this.#deadlines;
  }

  /** The policy in force. */
  get policy(): RenewalRule {
    return this.#policy;
  }

  /** Draws the jitter of a token that was just issued, and returns its `renew_at`. */
  draw(issuedAt: EpochMs, expiresAt: EpochMs): EpochMs {
    this.#jitter = this.#random.fraction();
    return renewalTime(issuedAt, expiresAt, this.#policy, this.#jitter);
  }

  /** Schedules the token that `draw` was called for. */
  drawn(token: Token, issued: Instant): void {
    this.#followed = this.#policy;
    this.#set(token, issued);
  }

  /** Schedules a token that was found in the store, as it was scheduled before; `asIs`: whatever the policy in force. */
  adopt(token: Token, now: Instant, { asIs = false } = {}): void {
    const jitter = jitterOf(token, this.#policy);
    this.#followed = jitter === undefined && !asIs ? undefined : this.#policy;
    this.#jitter = jitter ?? this.#random.fraction();
    // A token from the future was issued by a clock that was wrong: its life counts from now.
    const { issuedAt } = token;
    this.#set(token, { wall: issuedAt, monotonic: now.monotonic - Math.max(0, now.wall - issuedAt) });
  }

  /** Puts a policy in force. Returns the token with its new `renew_at` where that changed, else `undefined`. */
  follow(policy: RenewalRule, token: Token | undefined): Token | undefined {
    this.#policy = policy;
    if (token === undefined || this.#issued === undefined) return undefined;
    if (this.#followed !== undefined && isSamePolicy(this.#followed, policy)) return undefined;
    this.#followed = policy;
    const renewAt = renewalTime(token.issuedAt, token.expiresAt, policy, this.#jitter);
    if (Math.abs(renewAt - token.renewAt) <= ROUNDING) return undefined;
    const next = { ...token, renewAt };
    this.#set(next, this.#issued);
    return next;
  }

  #set({ renewAt, expiresAt }: Token, issued: Instant): void {
    this.#issued = issued;
    this.#deadlines = { renewal: deadline(renewAt, issued), expiry: deadline(expiresAt, issued) };
  }
}
