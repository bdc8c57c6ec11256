import { factsOf } from '../../core/events.ts';
import { type Instant, instantOf } from '../../core/instant.ts';
import { OVER } from '../../core/over.ts';
import { lifetimeOf, type RenewalRule } from '../../core/renewal.ts';
import {
  adopted,
  type Deadlines,
  type Draw,
  held,
  isExpired,
  isOfOtherCredential,
  proven,
  remainingOf,
  rescheduled,
  type ScheduledToken,
} from '../../core/scheduled-token.ts';
import { type EpochMs, type Ms, sha256, type Token } from '../../core/token.ts';
import type { TraceContext } from '../../core/trace-context.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { TokenSpecification } from './specification.ts';
import type { StoredCopy } from './stored-copy.ts';
import type { TokenStatus } from './token-status.ts';

/** How long a request waits for its token to be stored, where clients can have it by the answer. */
const LONGEST_STORE: Ms = 2000;

export interface HeldTokenDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly status: TokenStatus;
  /** Who knows the specification that is in force. */
  readonly owner: { readonly specification: TokenSpecification };
}

/** What was requested, and when: the lifetime counts from then. */
export interface SentRequest {
  readonly specification: TokenSpecification;
  readonly sentAt: Instant;
  /** Of the credential, where a change of it counts. */
  readonly proof: string | undefined;
  /** Of the call that led to the request. */
  readonly trace?: TraceContext | undefined;
}

/** How a stored token comes into memory. */
export interface Adoption {
  readonly requested: Pick<TokenSpecification, 'requestFingerprint'>;
  /** Whether it keeps its schedule, whatever the renewal rule says. */
  readonly asIs: boolean;
  /** False for a token that is only read to answer a call. */
  readonly isAnnounced?: boolean;
}

/** The token in memory: one value, which each act replaces by another. */
export class HeldToken {
  readonly #dependencies: HeldTokenDependencies;
  readonly #copy: StoredCopy;
  #scheduled: ScheduledToken | undefined;
  #rule: RenewalRule;
  /** Of the call that led to the token, until the token is stored: later writes follow from something else. */
  #trace: TraceContext | undefined;

  constructor(dependencies: HeldTokenDependencies, copy: StoredCopy) {
    this.#dependencies = dependencies;
    this.#copy = copy;
    this.#rule = dependencies.owner.specification.renewal;
  }

  get specification(): TokenSpecification {
    return this.#dependencies.owner.specification;
  }

  get scheduled(): ScheduledToken | undefined {
    return this.#scheduled;
  }

  get token(): Token | undefined {
    return this.#scheduled?.token;
  }

  get deadlines(): Deadlines | undefined {
    return this.#scheduled?.deadlines;
  }

  /** The renewal rule in force: the credential's own interval, or else that of the configuration. */
  get renewal(): RenewalRule {
    return this.#rule;
  }

  /** Whether the configuration has come to ask for another token than this one. */
  get superseded(): boolean {
    return this.#scheduled !== undefined && this.#scheduled.requested !== this.specification.requestFingerprint;
  }

  /** Whether the store is known to hold the current token. */
  get stored(): boolean {
    return this.token !== undefined && this.#copy.state.holds === this.token;
  }

  /** When the current token was first written; `undefined` while it is not stored. */
  get writtenAt(): EpochMs | undefined {
    const { token, specification } = this;
    if (token === undefined || specification.delivery === 'endpoint') return token?.issuedAt;
    const write = this.#copy.state.writes.findLast(({ generation }) => generation === token.generation);
    return write?.at ?? (this.stored ? token.issuedAt : undefined);
  }

  instant(): Instant {
    return instantOf(this.#dependencies.clock);
  }

  isLive(): boolean {
    return this.#scheduled !== undefined && !isExpired(this.#scheduled, this.instant());
  }

  /** Returns how long the token can still be used; 0 where it has expired, or there is none. */
  remaining(): Ms {
    return remainingOf(this.#scheduled, this.instant());
  }

  /** Whether `response` brings the very token that is held: nothing to write then. */
  isSame(response: TokenResponse): boolean {
    return this.token?.sha256 === sha256(response.accessToken.reveal());
  }

  /** Makes a token of the answer to a request, and keeps it: `store` follows. */
  hold(response: TokenResponse, { specification, sentAt, proof, trace }: SentRequest): Token {
    const { lifetime, stated } = lifetimeOf(response.expiresIn, specification.defaultLifetime);
    const scope = response.scope ?? specification.scope;
    const answer = { accessToken: response.accessToken, scope, lifetime, sentAt };
    const next = held(this.token, answer, { ...this.#draw(specification.requestFingerprint), proof });
    this.#reportLifetime(lifetime, { stated, configured: specification.isLifetimeConfigured });
    this.#scheduled = next;
    this.#trace = trace;
    this.#copy.outdated();
    return next.token;
  }

  /** Holds a token that was found in the store, as it is scheduled there, and requests nothing. */
  adopt(token: Token, { requested, asIs, isAnnounced = true }: Adoption): void {
    const fingerprint = this.#scheduled?.requested ?? requested.requestFingerprint;
    const isFirst = this.#scheduled === undefined;
    const proof = this.token?.sha256 === token.sha256 ? this.#scheduled?.proof : undefined;
    this.#trace = undefined;
    this.#scheduled = adopted(token, { ...this.#draw(fingerprint), proof }, this.instant(), { asIs });
    if (isFirst && isAnnounced) this.#dependencies.status.emit({ kind: 'token-adopted', token: factsOf(token) });
  }

  /** Forgets the token and what is known of its stored copy, as after a start. */
  forget(): void {
    this.#scheduled = undefined;
    this.#copy.forget();
  }

  /** The credential has this proof now. Without an earlier one nothing shows that it was another. */
  prove(proof: string | undefined): void {
    if (this.#scheduled !== undefined) this.#scheduled = proven(this.#scheduled, proof);
  }

  /** Whether the token was requested with another credential than the one that has this proof. */
  isOfOtherCredential(proof: string | undefined): boolean {
    // A change of the configuration may have changed what is needed of the credential.
    if (this.#scheduled === undefined || this.superseded) return false;
    return isOfOtherCredential(this.#scheduled, proof);
  }

  /** Puts a renewal rule in force immediately, with the jitter that the token was given. */
  follow(rule: RenewalRule): void {
    this.#rule = rule;
    const before = this.#scheduled;
    if (before === undefined) return;
    this.#scheduled = rescheduled(before, rule);
    const { token } = this.#scheduled;
    if (token === before.token) return;
    this.#copy.outdated();
    const message = 'The renewal interval changed, and with it the time of the next renewal.';
    this.#dependencies.status.emit({ kind: 'token-rescheduled', token: factsOf(token), message });
  }

  /**
   * Stores the token. Where the answer to a client can carry it, a store that hangs is waited for only so long; the
   * write goes on.
   */
  async store(): Promise<void> {
    const { respondWith, delivery } = this.specification;
    const storing = this.write();
    if (respondWith === 'generation' && delivery === 'secret') return storing;
    const stored = new AbortController();
    const waited = this.#dependencies.clock.wait(LONGEST_STORE, stored.signal);
    await Promise.race([storing, waited]);
    stored.abort(OVER);
  }

  /** Writes the token, and resolves when the store has answered. */
  async write(): Promise<void> {
    const { token } = this;
    if (token === undefined) return;
    await this.#copy.write(token, () => this.token === token, this.#trace);
    if (this.stored) this.#trace = undefined;
  }

  #draw(requested: string): Draw {
    return { rule: this.#rule, jitter: this.#dependencies.random.fraction(), requested };
  }

  #reportLifetime(lifetime: Ms, { stated, configured }: { stated: boolean; configured: boolean }): void {
    const { status } = this.#dependencies;
    const assumed = `The authorization server states no usable expires_in; ${lifetime / 1000} s are assumed.`;
    if (stated) status.set('LifetimeStated', true, 'Stated', '');
    else if (configured) status.set('LifetimeStated', true, 'DefaultLifetimeConfigured', assumed);
    else {
      const message = `${assumed} Set defaultLifetime of the authorization server to the lifetime that it documents.`;
      if (status.set('LifetimeStated', false, 'DefaultLifetime', message)) {
        status.emit({ kind: 'lifetime-not-stated', message });
      }
    }
  }
}
