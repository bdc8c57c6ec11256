import { messageOf, StoreError } from '../core/errors.ts';
import { factsOf } from '../core/events.ts';
import { deadline, type Instant, isPast } from '../core/instant.ts';
import { jitterOf, lifetimeOf, type RenewalPolicy, renewalTime } from '../core/renewal.ts';
import { type EpochMs, hashesBefore, type Ms, nextGeneration, sha256, type Token } from '../core/token.ts';
import { documentKey, fromVolumeData, TokenVolumeError, toVolumeData, type VolumeData } from '../core/token-volume.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { TokenResponse } from '../ports/token-endpoint.ts';
import type { TokenStore } from '../ports/token-store.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

const STORE_RETRY: Ms = 1000;
const LONGEST_STORE_RETRY: Ms = 30_000;
/** `renew_at` is stored in whole milliseconds, so recomputing it may differ by rounding. */
const ROUNDING: Ms = 2;

export interface HeldTokenDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: TokenStore;
  readonly status: TokenStatus;
}

/** What was asked for, and when: the lifetime counts from then. */
export interface SentRequest {
  readonly specification: TokenSpecification;
  readonly sentAt: Instant;
}

/** One token in memory and its copy in the store, kept equal. */
export class HeldToken {
  #specification: TokenSpecification;
  /** The key that the token was stored under before the configuration renamed it. */
  #formerKey: string | undefined;
  readonly #dependencies: HeldTokenDependencies;
  #token: Token | undefined;
  /** What the token was asked for with; an adopted one is taken to be what is configured. */
  #requested: TokenSpecification | undefined;
  #jitter = 0;
  #renewal: Instant | undefined;
  #expiry: Instant | undefined;
  #stored = false;
  #storeFailures = 0;
  #storeNotBefore = 0;
  #policy: RenewalPolicy;

  constructor(specification: TokenSpecification, dependencies: HeldTokenDependencies) {
    this.#specification = specification;
    this.#policy = specification.renewal;
    this.#dependencies = dependencies;
  }

  get specification(): TokenSpecification {
    return this.#specification;
  }

  set specification(next: TokenSpecification) {
    if (next.key !== this.#specification.key) {
      this.#formerKey = this.#specification.key;
      this.#stored = false;
    }
    this.#specification = next;
  }

  get token(): Token | undefined {
    return this.#token;
  }

  /** Whether the configuration has come to ask for another token than this one. */
  get superseded(): boolean {
    return (
      this.#requested !== undefined && this.#requested.requestFingerprint !== this.specification.requestFingerprint
    );
  }

  /** Whether the store is known to hold the present token. */
  get stored(): boolean {
    return this.#stored;
  }

  get deadlines(): { renewal: Instant; expiry: Instant } | undefined {
    if (this.#renewal === undefined || this.#expiry === undefined) return undefined;
    return { renewal: this.#renewal, expiry: this.#expiry };
  }

  instant(): Instant {
    const { clock } = this.#dependencies;
    return { wall: clock.now(), monotonic: clock.monotonic() };
  }

  isLive(): boolean {
    return this.#expiry !== undefined && !isPast(this.#expiry, this.instant());
  }

  /** Until a failed write is to be tried again; `undefined` where none is outstanding. */
  storeRetryIn(): Ms | undefined {
    if (this.#token === undefined || this.#stored || this.#storeFailures === 0) return undefined;
    return Math.max(0, this.#storeNotBefore - this.#dependencies.clock.monotonic());
  }

  /** Takes over what a process before this one stored. Asks for nothing. */
  async adopt(): Promise<void> {
    const { status } = this.#dependencies;
    const found = this.#parse(await this.#read());
    if (found === undefined) return;
    this.#take(found, jitterOf(found, this.#policy));
    this.#requested = this.specification;
    this.#stored = true;
    this.#storeIsWell();
    status.emit({ kind: 'token-adopted', token: factsOf(found) });
  }

  /** Whether `response` brings the very token that is held: nothing to write then. */
  isSame(response: TokenResponse): boolean {
    return this.#token?.sha256 === sha256(response.accessToken.reveal());
  }

  /** Makes a token of the answer to a request, keeps it and stores it. */
  async hold(response: TokenResponse, { specification, sentAt }: SentRequest): Promise<Token> {
    const { random, status } = this.#dependencies;
    const { lifetime, stated } = lifetimeOf(response.expiresIn, specification.defaultLifetime);
    const accessToken = response.accessToken.reveal();
    const jitter = random.fraction();
    const expiresAt = sentAt.wall + lifetime;
    const token: Token = {
      accessToken: response.accessToken,
      tokenType: 'Bearer',
      scope: response.scope ?? scopeOf(specification),
      issuedAt: sentAt.wall,
      expiresAt,
      renewAt: renewalTime(sentAt.wall, expiresAt, this.#policy, jitter),
      generation: nextGeneration(this.#token?.generation, sentAt.wall),
      sha256: sha256(accessToken),
      previousSha256: hashesBefore(this.#token),
    };
    const told = `The authorization server states no usable expires_in; ${lifetime / 1000} s are assumed.`;
    const changed = status.set('LifetimeStated', stated, stated ? 'Stated' : 'DefaultLifetime', stated ? '' : told);
    if (changed && !stated) status.emit({ kind: 'lifetime-not-stated', message: told });
    this.#take(token, jitter, sentAt);
    this.#requested = specification;
    this.#stored = false;
    this.#storeNotBefore = 0;
    await this.#store();
    return token;
  }

  /** Recomputes `renew_at` where the policy changed: in force at once, with the jitter that the token was given. */
  follow(policy: RenewalPolicy): void {
    this.#policy = policy;
    const token = this.#token;
    if (token === undefined) return;
    const renewAt = renewalTime(token.issuedAt, token.expiresAt, policy, this.#jitter);
    if (Math.abs(renewAt - token.renewAt) <= ROUNDING) return;
    this.#take({ ...token, renewAt }, this.#jitter);
    this.#stored = false;
    this.#storeNotBefore = 0;
    const message = 'The renewal interval changed, and with it the time of the next renewal.';
    this.#dependencies.status.emit({ kind: 'token-rescheduled', token: factsOf({ ...token, renewAt }), message });
  }

  /** Writes what could not be written before, and undoes what others did to the stored copy. */
  async repair(): Promise<void> {
    if (this.#token === undefined || this.#dependencies.clock.monotonic() < this.#storeNotBefore) return;
    if (!this.#stored) return this.#store();
    const token = this.#token;
    const found = await this.#read();
    // Read errors are told by #read; a token that arrived meanwhile has been stored by its own request.
    if (found === undefined || this.#token !== token || !this.#stored) return;
    if (sameData(found, toVolumeData(this.specification.key, token))) return this.#storeIsWell();
    const newer = this.#newerIn(found);
    if (newer !== undefined) return this.#take(newer, jitterOf(newer, this.#policy));
    await this.#store();
    if (!this.#stored) return;
    const message = 'The stored token had been changed or removed by someone else, and was written again from memory.';
    this.#dependencies.status.emit({ kind: 'token-repaired', token: factsOf(token), message });
  }

  /** Takes the token's keys out of the store. */
  async withdraw(message: string): Promise<void> {
    const { key, delivery } = this.specification;
    if (delivery === 'endpoint') return;
    const { status, store } = this.#dependencies;
    try {
      const there = await store.read(this.specification.identity, [key, documentKey(key)]);
      if (Object.keys(there).length === 0) return;
      await store.write(this.specification.identity, removalOf(key));
      status.emit({ kind: 'token-withdrawn', message });
    } catch (error) {
      this.#storeFailed(error);
    }
  }

  #take(token: Token, jitter: number | undefined, at: Instant = this.instant()): void {
    this.#token = token;
    this.#jitter = jitter ?? this.#dependencies.random.fraction();
    this.#renewal = deadline(token.renewAt, at);
    this.#expiry = deadline(token.expiresAt, at);
  }

  async #store(): Promise<void> {
    const token = this.#token;
    if (token === undefined || this.specification.delivery === 'endpoint') return;
    try {
      const { identity, key } = this.specification;
      await this.#dependencies.store.write(identity, { ...removalOf(this.#formerKey), ...toVolumeData(key, token) });
      this.#formerKey = undefined;
    } catch (error) {
      this.#storeFailed(error);
      return;
    }
    if (this.#token !== token) return;
    this.#stored = true;
    this.#storeIsWell();
    this.#dependencies.status.emit({ kind: 'token-stored', token: factsOf(token) });
  }

  async #read(): Promise<VolumeData | undefined> {
    const { key, identity, delivery } = this.specification;
    if (delivery === 'endpoint') return undefined;
    try {
      return await this.#dependencies.store.read(identity, [key, documentKey(key)]);
    } catch (error) {
      this.#storeFailed(error);
      return undefined;
    }
  }

  #parse(data: VolumeData | undefined): Token | undefined {
    if (data === undefined) return undefined;
    try {
      return fromVolumeData(this.specification.key, data);
    } catch (error) {
      if (!(error instanceof TokenVolumeError)) throw error;
      const message = `${error.message} It is taken for missing.`;
      this.#dependencies.status.emit({ kind: 'stored-token-unreadable', message });
      return undefined;
    }
  }

  #newerIn(data: VolumeData): Token | undefined {
    let found: Token | undefined;
    try {
      found = fromVolumeData(this.specification.key, data);
    } catch {
      // Not a token: it is repaired like any other change.
    }
    const known: EpochMs = this.#token?.issuedAt ?? 0;
    return found !== undefined && found.issuedAt > known ? found : undefined;
  }

  #storeFailed(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    const { clock, status } = this.#dependencies;
    this.#storeFailures += 1;
    const pause = error.permanent ? LONGEST_STORE_RETRY : STORE_RETRY * 2 ** Math.min(this.#storeFailures - 1, 10);
    this.#storeNotBefore = clock.monotonic() + Math.min(LONGEST_STORE_RETRY, pause);
    status.set('Stored', false, error.permanent ? 'StoreRefused' : 'StoreUnavailable', messageOf(error));
    status.emit({ kind: 'store-failed', message: messageOf(error) });
  }

  #storeIsWell(): void {
    this.#storeFailures = 0;
    this.#dependencies.status.set('Stored', true, 'Stored', 'The store holds the present token.');
  }
}

function removalOf(key: string | undefined): Record<string, undefined> {
  return key === undefined ? {} : { [key]: undefined, [documentKey(key)]: undefined };
}

function sameData(found: VolumeData, wanted: VolumeData): boolean {
  return Object.entries(wanted).every(([key, text]) => found[key] === text);
}

/** RFC 6749 section 5.1: a scope left out of the answer is the one that was asked for. */
function scopeOf({ parameters }: TokenSpecification): string {
  const scope = parameters['scope'];
  return typeof scope === 'string' ? scope : '';
}
