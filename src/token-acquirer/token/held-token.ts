import { factsOf } from '../../core/events.ts';
import { type Instant, isPast, until } from '../../core/instant.ts';
import { LOOK_AGAIN } from '../../core/reconcile.ts';
import { lifetimeOf, type RenewalRule } from '../../core/renewal.ts';
import {
  type EpochMs,
  hashesBefore,
  type Ms,
  nextGeneration,
  sha256,
  type Token,
  type TokenIdentity,
} from '../../core/token.ts';
import type { VolumeData } from '../../core/token-volume.ts';
import type { Random } from '../../ports/random.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { Others } from './others.ts';
import { type Deadlines, RenewalSchedule } from './renewal-schedule.ts';
import type { TokenSpecification } from './specification.ts';
import { StoredCopy, type StoredCopyDependencies } from './stored-copy.ts';

/** How long a request waits for its token to be stored, where clients can have it by the answer. */
const LONGEST_STORE: Ms = 2000;
/** How far another writer's clock may be ahead. */
const CLOCKS_APART: Ms = 60_000;

const REPAIRED = 'The stored token had been changed or removed by someone else, and was written again from memory.';
export interface HeldTokenDependencies extends StoredCopyDependencies {
  readonly random: Random;
  /** Other token-acquirers that write the same token. */
  readonly others?: (() => Others) | undefined;
}

/** What was asked for, and when: the lifetime counts from then. */
export interface SentRequest {
  readonly specification: TokenSpecification;
  readonly sentAt: Instant;
}

/** One token in memory and its copy in the store, kept equal. */
export class HeldToken {
  readonly #dependencies: HeldTokenDependencies;
  readonly #copy: StoredCopy;
  readonly #schedule: RenewalSchedule;
  #token: Token | undefined;
  /** What the token was asked for with. */
  #requested: TokenSpecification | undefined;
  #readFailed = false;
  #volumeChanged = false;
  #storing: Promise<void> | undefined;
  #repairing: Promise<void> = Promise.resolve();

  constructor(specification: TokenSpecification, dependencies: HeldTokenDependencies) {
    this.#dependencies = dependencies;
    this.#copy = new StoredCopy(specification, dependencies);
    this.#schedule = new RenewalSchedule(specification.renewal, dependencies.random);
  }

  get specification(): TokenSpecification {
    return this.#copy.specification;
  }

  set specification(next: TokenSpecification) {
    this.#copy.specification = next;
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
    return this.#copy.current;
  }

  /** Whether it could not be told yet what an earlier process stored. */
  get unread(): boolean {
    return this.#readFailed && this.#token === undefined;
  }

  /** Until the store may be asked again after a failure. */
  get storeHeldOff(): Ms {
    return this.#copy.heldOff;
  }

  get deadlines(): Deadlines | undefined {
    return this.#schedule.deadlines;
  }

  /** The renewal policy in force: the credential's own interval, or else that of the configuration. */
  get renewal(): RenewalRule {
    return this.#schedule.policy;
  }

  instant(): Instant {
    const { clock } = this.#dependencies;
    return { wall: clock.now(), monotonic: clock.monotonic() };
  }

  isLive(): boolean {
    const { deadlines } = this;
    return deadlines !== undefined && !isPast(deadlines.expiry, this.instant());
  }

  /** How long the token can still be used; 0 where it has expired, or there is none. */
  remaining(): Ms {
    const { deadlines } = this;
    return deadlines === undefined ? 0 : until(deadlines.expiry, this.instant());
  }

  /** Until the store is to be looked at, or a failed write to be tried again. */
  storeLookIn(): Ms {
    return this.#token === undefined ? LOOK_AGAIN : this.#copy.lookIn;
  }

  /** How long what was repaired is to stand before it is repaired again; nought where it is not undone. */
  get repairPause(): Ms {
    return this.#copy.repairPause;
  }

  /** What is stored beside the token has changed. */
  volumeChanged(): void {
    this.#volumeChanged = true;
    this.#copy.lookNow();
  }

  /** How long after its write a client saw a generation in its volume; `undefined` where that cannot be told. */
  lagOf(generation: number, seen: EpochMs): Ms | undefined {
    return this.#copy.lagOf(generation, seen);
  }

  /**
   * Takes over what is stored, and asks for nothing. `requested`: what it was asked for with; of what a process before
   * this one stored, nothing else is known than what is configured now.
   */
  async adopt(requested: TokenSpecification = this.specification): Promise<void> {
    const data = await this.#copy.read();
    this.#readFailed = data === undefined && this.specification.delivery === 'secret';
    const found = this.#copy.tokenIn(data);
    // A reissue may have brought one meanwhile.
    if (found === undefined || this.#token !== undefined) return;
    this.#adopt(found);
    this.#requested = requested;
    this.#copy.seen();
    this.#dependencies.status.emit({ kind: 'token-adopted', token: factsOf(found) });
  }

  /** Whether `response` brings the very token that is held: nothing to write then. */
  isSame(response: TokenResponse): boolean {
    return this.#token?.sha256 === sha256(response.accessToken.reveal());
  }

  /** Makes a token of the answer to a request, and keeps it: `store` follows. */
  hold(response: TokenResponse, { specification, sentAt }: SentRequest): Token {
    const { lifetime, stated } = lifetimeOf(response.expiresIn, specification.defaultLifetime);
    const accessToken = response.accessToken.reveal();
    const expiresAt = sentAt.wall + lifetime;
    const token: Token = {
      accessToken: response.accessToken,
      tokenType: 'Bearer',
      scope: response.scope ?? specification.scope,
      issuedAt: sentAt.wall,
      expiresAt,
      renewAt: this.#schedule.draw(sentAt.wall, expiresAt),
      generation: nextGeneration(this.#token?.generation, sentAt.wall),
      sha256: sha256(accessToken),
      previousSha256: hashesBefore(this.#token),
    };
    this.#tellLifetime(lifetime, { stated, configured: specification.isLifetimeConfigured });
    this.#token = token;
    this.#schedule.drawn(token, sentAt);
    this.#requested = specification;
    this.#copy.outdated();
    return token;
  }

  #tellLifetime(lifetime: Ms, { stated, configured }: { stated: boolean; configured: boolean }): void {
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

  /**
   * Stores the token that is held. Where the answer to a client can carry it, a store that hangs is waited for only so
   * long; the write goes on.
   */
  async store(): Promise<void> {
    const { respondWith, delivery } = this.specification;
    const storing = this.#store();
    if (respondWith === 'generation' && delivery === 'secret') return storing;
    const stored = new AbortController();
    const waited = this.#dependencies.clock.wait(LONGEST_STORE, stored.signal);
    await Promise.race([storing, waited]);
    stored.abort();
  }

  /** Has clients trust the endpoint while there is no token; nothing where there is one. */
  async announce(): Promise<void> {
    if (this.#token === undefined && !this.#readFailed) await this.#copy.announce();
  }

  /** Whether the token is being written. */
  get storing(): boolean {
    return this.#storing !== undefined;
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    await this.#storing;
  }

  /** Recomputes `renew_at` where the policy changed: in force at once, with the jitter that the token was given. */
  follow(policy: RenewalRule): void {
    const rescheduled = this.#schedule.follow(policy, this.#token);
    if (rescheduled === undefined) return;
    this.#token = rescheduled;
    this.#copy.outdated();
    const message = 'The renewal interval changed, and with it the time of the next renewal.';
    this.#dependencies.status.emit({ kind: 'token-rescheduled', token: factsOf(rescheduled), message });
  }

  /** Writes what could not be written before, and undoes what others did to the stored copy, where that is due. */
  repair(): Promise<void> {
    return this.#serially(() => this.#repair());
  }

  /** The same at once: someone else may have changed the stored copy, or made way for it. */
  repairNow(): Promise<void> {
    return this.#serially(() => {
      this.#copy.lookNow();
      this.#copy.tryNow();
      return this.#repair();
    });
  }

  /** One after the other, lest what one look finds be repaired by two. */
  #serially(task: () => Promise<void>): Promise<void> {
    const done = this.#repairing.then(task, task);
    this.#repairing = done.catch(() => undefined);
    return done;
  }

  async #repair(): Promise<void> {
    await this.#storing;
    if (this.#token === undefined || this.#copy.heldOff > 0) return;
    if (this.#copy.withdrawn && !this.isLive()) return;
    if (!this.stored) return this.#copy.failing ? this.#storeUnlessOlder() : this.#store();
    if (this.#copy.lookIn > 0) return;
    const token = this.#token;
    const found = await this.#copy.read();
    // Read errors are told already; a token that arrived meanwhile has been stored by its own request.
    if (found === undefined || this.#token !== token || !this.stored) return;
    if (this.#copy.holds(token, found)) return this.#copy.seen();
    const newer = this.#newerIn(found);
    if (newer !== undefined) return this.#adopt(newer);
    const ours = this.#volumeChanged;
    if (!ours) this.#copy.damaged();
    this.#copy.outdated();
    await this.#store();
    if (!this.stored || ours) return;
    const message = this.#copy.disputed ? disputeOf(this.specification.identity, this.#otherPods) : REPAIRED;
    this.#dependencies.status.emit({ kind: 'token-repaired', token: factsOf(token), message });
  }

  /** Takes an expired token's keys out of the store, unless another one comes meanwhile. */
  async withdrawExpired(message: string): Promise<void> {
    await this.#copy.withdraw(message, () => this.isLive());
  }

  /** Takes the token's keys out of the store, save what is another's now. False where that failed. */
  withdraw(message: string): Promise<boolean> {
    return this.#copy.withdraw(message, () => false);
  }

  async #store(): Promise<void> {
    const token = this.#token;
    if (token === undefined) return;
    const storing = this.#copy
      .write(token, () => this.#token === token)
      .then(() => {
        if (this.stored) this.#volumeChanged = false;
      })
      .finally(() => {
        if (this.#storing === storing) this.#storing = undefined;
      });
    this.#storing = storing;
    await storing;
  }

  /** After a failed write: another token-acquirer may have stored a newer token meanwhile, which then counts. */
  async #storeUnlessOlder(): Promise<void> {
    const token = this.#token;
    const found = await this.#copy.read();
    if (this.#copy.heldOff > 0 || this.#token !== token || this.stored) return;
    const newer = found === undefined ? undefined : this.#newerIn(found);
    if (newer === undefined) return this.#store();
    this.#adopt(newer);
    this.#copy.seen();
  }

  /** Of other token-acquirers that write the same token. */
  get #otherPods(): readonly string[] {
    return this.#dependencies.others?.().pods ?? [];
  }

  /** Holds a token that was found in the store. */
  #adopt(token: Token): void {
    this.#token = token;
    // Written anew for another policy, such as an older interval, it would be written back.
    this.#schedule.adopt(token, this.instant(), { asIs: this.#otherPods.length > 0 });
  }

  /** A newer token; or the same one that another token-acquirer renews at another time, as with an older interval. */
  #newerIn(data: VolumeData): Token | undefined {
    const found = this.#copy.tokenIn(data);
    const isOthers = this.#otherPods.length > 0;
    const isSame = isOthers && found !== undefined && found.sha256 === this.#token?.sha256;
    if (isSame && found.renewAt !== this.#token?.renewAt) return found;
    const known: EpochMs = this.#token?.issuedAt ?? 0;
    // One that claims to come from the future would be believed until then.
    const latest = this.#dependencies.clock.now() + CLOCKS_APART;
    return found !== undefined && found.issuedAt > known && found.issuedAt <= latest ? found : undefined;
  }
}

function disputeOf({ namespace, secret }: TokenIdentity, pods: readonly string[]): string {
  if (pods.length > 0)
    return `Another token-acquirer writes the token, too: pod ${pods.join(', ')}. The status says what to do.`;
  return `Someone else changes or removes the stored token again and again; it was written again from memory, ever more slowly. In a cluster this tells who: kubectl get secret ${secret} --namespace ${namespace} --output jsonpath='{.metadata.managedFields[*].manager}'.`;
}
