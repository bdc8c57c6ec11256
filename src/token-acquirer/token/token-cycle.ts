import type { Conditions } from '../../core/conditions.ts';
import { lagOf } from '../../core/copy-state.ts';
import { messageOf, type TokenErrorCode } from '../../core/errors.ts';
import { isWorking } from '../../core/leadership.ts';
import { OVER } from '../../core/over.ts';
import { LOOK_AGAIN, SOON } from '../../core/reconcile.ts';
import type { EpochMs, Ms, Sha256 } from '../../core/token.ts';
import { containFailure } from './contain-failure.ts';
import type { CycleDependencies, Neighbours } from './cycle-dependencies.ts';
import { type CycleParts, createParts } from './cycle-parts.ts';
import { type TurnContext, takeTurn } from './cycle-turn.ts';
import type { HeldToken } from './held-token.ts';
import type { MountedVolumes } from './mounted-volumes.ts';
import { followInterval } from './renewal-interval.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenRequests } from './token-requests.ts';
import type { TokenStatus } from './token-status.ts';

/** How long a store that is unavailable at the start is waited for, so that no token is requested that it may hold. */
const FIRST_READ: Ms = 5000;
/** What an authorization server says of a credential, whatever is requested with it. */
const OF_CREDENTIAL: ReadonlySet<string> = new Set<TokenErrorCode>([
  'invalid_client',
  'unauthorized_client',
  'invalid_grant',
]);
const NOTHING = (): void => undefined;
const NOT_CONFIGURED = 'The token is no longer in the configuration, so its keys were taken out of the store.';

/** The life of one token: observe, decide about the token and its stored copy, act, wait; until stopped. */
export class TokenCycle {
  readonly #dependencies: CycleDependencies;
  readonly #neighbours: Neighbours;
  readonly #parts: CycleParts;
  readonly #context: TurnContext;
  #adoption = Promise.withResolvers<void>();
  #specification: TokenSpecification;
  #wake = new AbortController();
  #chance: number | undefined;
  #isAwake = false;
  #isForgotten = true;
  #stopped = false;
  #lastPass: EpochMs | undefined;
  #unwatch: readonly (() => void)[] = [];
  #unwatchCredential: () => void = NOTHING;

  constructor(specification: TokenSpecification, dependencies: CycleDependencies, neighbours: Neighbours) {
    this.#specification = specification;
    this.#dependencies = dependencies;
    this.#neighbours = neighbours;
    this.#parts = createParts(this, dependencies, neighbours);
    this.#context = {
      parts: this.#parts,
      dependencies,
      leadership: neighbours.leadership,
      chance: () => (this.#chance ??= dependencies.random.fraction()),
      wake: () => this.wake(),
    };
  }

  get specification(): TokenSpecification {
    return this.#specification;
  }

  get held(): HeldToken {
    return this.#parts.held;
  }

  get volumes(): MountedVolumes {
    return this.#parts.volumes;
  }

  get requests(): TokenRequests {
    return this.#parts.requests;
  }

  get status(): TokenStatus {
    return this.#parts.status;
  }

  /** When it was last looked at; `undefined` before the first turn. */
  get lastPass(): EpochMs | undefined {
    return this.#lastPass;
  }

  /** Resolves when what an earlier process stored has been read. */
  get adopted(): Promise<void> {
    return this.#adoption.promise;
  }

  /** Runs until `stop()`, then waits for a request in flight. Never rejects. */
  async run(): Promise<void> {
    const { clock, pace } = this.#dependencies;
    this.#watchCredential();
    while (!this.#stopped) {
      const begin = pace?.begin();
      if (begin !== undefined) await begin;
      if (this.#stopped) break;
      this.#wake = new AbortController();
      const after = (await containFailure(this.status, () => this.#turn())) ?? LOOK_AGAIN;
      if (this.#stopped) break;
      this.#wakeAtEnd();
      // Not in another function, because each suspended function weighs on thousands of tokens.
      await clock.wait(after, this.#wake.signal);
      if (this.#wake.signal.reason !== SOON || this.#stopped) continue;
      this.#wake = new AbortController();
      await clock.wait(SOON, this.#wake.signal);
    }
    this.#leave();
    this.#unwatchCredential();
    this.#adoption.resolve();
    await containFailure(this.status, async () => this.requests.inFlight);
    await containFailure(this.status, async () => this.#parts.copy.writing);
    await containFailure(this.status, () => this.#parts.replaced.finish());
  }

  /** One turn while this process works on the token. Otherwise the cycle sleeps: it looks at nothing and reports nothing. */
  async #turn(): Promise<Ms> {
    if (this.isAsleep) return this.#sleep();
    if (!this.#isAwake) {
      await this.#awake();
      // Another replica may have taken over in the meantime.
      if (this.isAsleep) return this.#sleep();
    }
    this.#lastPass = this.#dependencies.clock.now();
    const turned = await takeTurn(this.#context);
    return Math.min(turned, this.#parts.replaced.turn(this.#context.wake));
  }

  async #awake(): Promise<void> {
    this.#isAwake = true;
    this.#isForgotten = false;
    this.#watch();
    await containFailure(this.status, () => this.#adopt());
    this.#adoption.resolve();
  }

  /** The token that is held is forgotten with the end of the request in flight, because others may renew it from now on. */
  #sleep(): Ms {
    if (this.#isAwake) {
      this.#isAwake = false;
      this.#leave();
    }
    // Calls that wait now are answered, and calls after the next takeover wait for the next look at the store.
    this.#adoption.resolve();
    this.#adoption = Promise.withResolvers<void>();
    if (!this.#isBusy && !this.#isForgotten) this.#forget();
    return LOOK_AGAIN;
  }

  get #isBusy(): boolean {
    return this.requests.inFlight !== undefined || this.#parts.copy.writing !== undefined;
  }

  #forget(): void {
    this.#isForgotten = true;
    this.held.forget();
    this.status.forget();
  }

  #leave(): void {
    for (const unwatch of this.#unwatch) unwatch();
    this.#unwatch = [];
    this.requests.leaveServer();
  }

  /** Looks again now. */
  wake(): void {
    this.#wake.abort(OVER);
  }

  /** Someone else may have changed what is stored, or removed what made the last write fail. */
  storeChanged(): void {
    if (this.#parts.copy.suspect()) this.wake();
  }

  /** Ends the cycle. A client that is waiting still gets its token. */
  stop(): void {
    this.#stopped = true;
    this.requests.allowOnly('reissues');
    this.wake();
  }

  /** The configuration changed; the token is requested again if it now describes another one. */
  update(next: TokenSpecification): void {
    if (next === this.#specification || JSON.stringify(next) === JSON.stringify(this.#specification)) return;
    this.requests.leaveServer();
    this.#parts.copy.move(this.#specification, next);
    this.#specification = next;
    this.requests.retryCorrected();
    this.#watchCredential();
    if (this.#isAwake) this.#watch();
    this.wake();
  }

  /** An allowed client called: it runs. */
  called(): void {
    this.#parts.clientApp.called();
    // Waking only matters while suspended. Doing it on every call would let a flood of calls read the store.
    if (this.status.get('Suspended')?.status === true) this.wake();
  }

  /** The conditions, after a new look at what is known of the client app. */
  clientApp(): Conditions {
    this.#parts.clientApp.observe(this.specification);
    return this.status.conditions;
  }

  /** A call was rejected, because its authenticated caller is not among the clients. */
  refused(caller: string): void {
    this.#parts.unknownCallers.called(caller, this.specification);
  }

  /**
   * A check showed that the authorization server accepts the credential. While nothing is due, no request of this token
   * will. `asked`: the check sent what this token would send.
   */
  credentialAccepted({ asked }: { readonly asked: boolean }): void {
    const { lastError } = this.status;
    if (lastError === undefined || !(asked || OF_CREDENTIAL.has(lastError.code))) return;
    this.requests.outdateError();
    this.wake();
  }

  /** Reads what is stored, and holds it unless what is held is newer. Never rejects. */
  async consult(): Promise<void> {
    await containFailure(this.status, () => this.#parts.upkeep.consult());
  }

  /** Whether another replica renews the token. */
  get isAsleep(): boolean {
    return !isWorking(this.#neighbours.leadership.role);
  }

  /** Forgets the token if another replica renews it: what is held of it would only become old. */
  forgetUnowned(): void {
    const { held, requests, specification } = this;
    if (!this.isAsleep || specification.delivery === 'endpoint' || requests.inFlight !== undefined) return;
    // A token that could not be stored yet is the only one that clients have.
    if (held.token !== undefined && !held.stored && held.isLive()) return;
    held.forget();
    this.status.forget('state');
  }

  /** Whether a client may use this access token as this token. */
  isUsed(hash: Sha256): boolean {
    return this.held.token?.sha256 === hash || this.#parts.replaced.has(hash);
  }

  /** What is stored next to the token changed: it is written now. */
  volumeChanged(): void {
    this.#parts.copy.volumeChanged();
    this.wake();
  }

  /** A client reports when it first saw a generation in its volume. */
  sighted(generation: number, at: EpochMs): void {
    const lag = lagOf(this.#parts.copy.state, generation, at);
    if (lag !== undefined) this.status.emit({ kind: 'volume-seen', generation, lag });
  }

  /** Takes the token's keys out of the store: it is no longer configured. False where that failed. Never rejects. */
  async withdraw(): Promise<boolean> {
    return (await containFailure(this.status, () => this.#parts.copy.withdraw(NOT_CONFIGURED))) ?? false;
  }

  /** Forgets its refresh tokens: they are no longer configured. Never rejects. */
  async removeChain(): Promise<void> {
    if (!this.specification.rotates) return;
    try {
      await this.#parts.chain.remove();
    } catch (error) {
      this.status.emit({ kind: 'store-failed', message: messageOf(error) });
    }
  }

  /** Others than this process may change all of it. What is cached of the credential must follow also while the cycle sleeps. */
  #watchCredential(): void {
    this.#unwatchCredential();
    const { credentials, inputs, proofs, readings, intervals, expiries } = this.#dependencies;
    const { credential } = this.specification;
    this.#unwatchCredential = credentials.watch(credential, () => {
      inputs.changed(credential);
      proofs.changed(credential);
      readings.changed(credential);
      intervals.changed(credential);
      expiries.changed(credential);
      this.requests.retryCorrected();
      this.wake();
    });
  }

  #watch(): void {
    for (const unwatch of this.#unwatch) unwatch();
    const { execution, storeWatch } = this.#dependencies;
    const { clientApp, delivery, identity, key } = this.specification;
    const unwatch: (() => void)[] = [];
    if (clientApp !== undefined) unwatch.push(execution.watch(clientApp, this.#context.wake));
    if (storeWatch !== undefined && delivery === 'secret')
      unwatch.push(storeWatch.watch(identity, key, () => this.storeChanged()));
    this.#unwatch = unwatch;
  }

  /** Has the next turn come sooner where a request or a write ends. */
  #wakeAtEnd(): void {
    const { inFlight } = this.requests;
    const { writing } = this.#parts.copy;
    if (inFlight === undefined && writing === undefined) return;
    const wake = this.#wake;
    const end = (): void => wake.abort(OVER);
    const endSoon = (): void => wake.abort(SOON);
    void inFlight?.then(endSoon, endSoon);
    void writing?.then(end, end);
  }

  /** Adopts what an earlier process stored. A store that is unavailable is waited for, but not for long. */
  async #adopt(): Promise<void> {
    await this.#neighbours.predecessors;
    const { clock, intervals } = this.#dependencies;
    await followInterval({ intervals, status: this.status, held: this.held });
    const patience = clock.monotonic() + FIRST_READ;
    for (;;) {
      this.#wake = new AbortController();
      const after = await this.#parts.upkeep.turn({ requesting: true, suspended: false });
      const isUnread = this.held.token === undefined && this.#parts.copy.state.unread;
      if (!isUnread || this.specification.delivery !== 'secret' || this.#stopped) return;
      if (clock.monotonic() + after >= patience) return;
      await clock.wait(after, this.#wake.signal);
    }
  }
}
