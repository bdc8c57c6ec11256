import type { Conditions } from '../../core/conditions.ts';
import { messageOf, StoreError, type TokenErrorCode, UsageError } from '../../core/errors.ts';
import { until } from '../../core/instant.ts';
import { dueAfterOthers } from '../../core/other-writers.ts';
import type { Observation } from '../../core/policies.ts';
import { type Decision, LOOK_AGAIN, reconcile } from '../../core/reconcile.ts';
import { intervalWarning, type RenewalRule } from '../../core/renewal.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { ExecutionState } from '../../ports/execution-state.ts';
import type { Random } from '../../ports/random.ts';
import type { RefreshTokenStore } from '../../ports/refresh-token-store.ts';
import type { StoreWatch } from '../../ports/store-watch.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { TokenEndpoint } from '../../ports/token-endpoint.ts';
import type { TokenStore } from '../../ports/token-store.ts';
import { absenceOf, ClientAppView } from './client-app-view.ts';
import type { CredentialGate } from './credential-gate.ts';
import { HeldToken } from './held-token.ts';
import { InputView } from './input-view.ts';
import { MountedVolumes } from './mounted-volumes.ts';
import type { Others } from './others.ts';
import type { Outages } from './outages.ts';
import { PromptRepairs } from './prompt-repairs.ts';
import { RefreshChain } from './refresh-chain.ts';
import type { RequestInputs } from './request-inputs.ts';
import type { ServerClocks } from './server-clocks.ts';
import type { Slots } from './slots.ts';
import type { TokenSpecification } from './specification.ts';
import type { VolumeContents } from './stored-copy.ts';
import { TokenRequests } from './token-requests.ts';
import { TokenStatus } from './token-status.ts';
import { UnknownCallers } from './unknown-callers.ts';

/** How long a store that is away at the start is waited for, lest what it holds be asked for again. */
const FIRST_READ: Ms = 5000;
/** A decision that asks for something is followed by the next look without a pause, but never in a tight loop. */
const SOON: Ms = 50;
/** What an authorization server says of a credential, whatever it is asked for. */
const OF_CREDENTIAL: ReadonlySet<string> = new Set<TokenErrorCode>([
  'invalid_client',
  'unauthorized_client',
  'invalid_grant',
]);

export interface Dependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: CredentialSource;
  readonly store: TokenStore;
  /** Left out where the store cannot be watched. */
  readonly storeWatch?: StoreWatch | undefined;
  readonly chains: RefreshTokenStore;
  readonly execution: ExecutionState;
  readonly endpoint: TokenEndpoint;
  readonly telemetry: Telemetry;
  readonly volume: VolumeContents;
  readonly slots: Slots;
  /** Other token-acquirers that write the same tokens. Left out: there are none. */
  readonly others?: (() => Others) | undefined;
  /** Aborts when requests in flight are to be abandoned. */
  readonly abandon: AbortSignal;
}

/** With what the tokens of one process share. */
export interface CycleDependencies extends Dependencies {
  readonly clocks: ServerClocks;
  readonly outages: Outages;
  readonly gate: CredentialGate;
  readonly inputs: RequestInputs;
}

/** What a token has to know of the others. */
export interface Neighbours {
  /** Whether another configured token has this key in the same Secret. */
  readonly isTaken: (key: string) => boolean;
  /** Resolves when nothing is at work any more in whose place this token comes: what had its name or its key. */
  readonly predecessors: Promise<unknown>;
  /** What the token stored under its key was asked for with, where that is known. */
  readonly requested: TokenSpecification | undefined;
}

/** The life of one token: observe, decide, act, wait; for ever, until stopped. */
export class TokenCycle {
  readonly held: HeldToken;
  readonly requests: TokenRequests;
  readonly status: TokenStatus;
  /** Resolves when what an earlier process stored has been read. */
  readonly adopted: Promise<void>;
  readonly #dependencies: CycleDependencies;
  readonly #neighbours: Neighbours;
  readonly #chain: RefreshChain;
  readonly #clientApp: ClientAppView;
  readonly #volumes: MountedVolumes;
  readonly #inputs: InputView;
  readonly #unknownCallers: UnknownCallers;
  readonly #promptRepairs: PromptRepairs;
  #wake = new AbortController();
  #stopped = false;
  #adoptionDone: () => void = () => undefined;
  #unwatch: (() => void)[] = [];

  constructor(specification: TokenSpecification, dependencies: CycleDependencies, neighbours: Neighbours) {
    this.#dependencies = dependencies;
    this.#neighbours = neighbours;
    this.status = new TokenStatus(specification.identity, dependencies);
    const { isTaken } = neighbours;
    const { status } = this;
    // One by one, because a copy of all of them weighs on a process with thousands of tokens.
    const {
      clock,
      random,
      store,
      volume,
      credentials,
      endpoint,
      slots,
      abandon,
      execution,
      clocks,
      outages,
      gate,
      others,
    } = dependencies;
    this.#volumes = new MountedVolumes({ volume, status });
    const onWritten = (): void => void this.#volumes.follow(this.held);
    this.held = new HeldToken(specification, { clock, random, store, volume, status, isTaken, onWritten, others });
    this.#chain = new RefreshChain(specification.identity, {
      clock,
      store: dependencies.chains,
      onMark: () => slots.foundMark(this.specification.authorizationServer),
    });
    const { held } = this;
    const chain = this.#chain;
    this.requests = new TokenRequests({
      clock,
      random,
      credentials,
      endpoint,
      slots,
      abandon,
      held,
      chain,
      status,
      clocks,
      outages,
      gate,
    });
    this.#clientApp = new ClientAppView({ clock, execution, status });
    this.#inputs = new InputView(dependencies.inputs, status);
    this.#unknownCallers = new UnknownCallers({ clock, status });
    this.#promptRepairs = new PromptRepairs({ clock, pause: () => held.repairPause, look: () => this.#lookAtCopy() });
    this.adopted = new Promise((resolve) => {
      this.#adoptionDone = resolve;
    });
  }

  get specification(): TokenSpecification {
    return this.held.specification;
  }

  /** Runs until `stop()`, then waits for a request in flight. Never rejects. */
  async run(): Promise<void> {
    this.#watch();
    await this.#safely(() => this.#adopt());
    this.#adoptionDone();
    while (!this.#stopped) {
      this.#wake = new AbortController();
      const after = (await this.#safely(() => this.#step())) ?? LOOK_AGAIN;
      if (!this.#stopped) await this.#dependencies.clock.wait(after, this.#wake.signal);
    }
    for (const unwatch of this.#unwatch) unwatch();
    this.requests.leaveServer();
    await this.#promptRepairs.stop();
    await this.requests.inFlight;
    await this.held.settled();
  }

  /** Looks again now. */
  wake(): void {
    this.#wake.abort();
  }

  /** Ends the cycle. A client that is waiting still gets its token. */
  stop(): void {
    this.#stopped = true;
    this.requests.allowOnly('reissues');
    this.wake();
  }

  /** The configuration changed; the token is asked for again if it now describes another one. */
  update(specification: TokenSpecification): void {
    if (JSON.stringify(specification) === JSON.stringify(this.specification)) return;
    this.requests.leaveServer();
    this.held.specification = specification;
    this.#mended();
    for (const unwatch of this.#unwatch) unwatch();
    this.#watch();
    this.wake();
  }

  /** An allowed client called: it runs. */
  called(): void {
    this.#clientApp.called();
    // Only then does it make a difference; else a flood of calls would be a flood of looks at the store.
    if (this.status.get('Suspended')?.status === true) this.wake();
  }

  /** The conditions, after a new look at what is known of the client app. */
  clientApp(): Conditions {
    this.#clientApp.observe(this.specification);
    return this.status.conditions;
  }

  /** A call was rejected, because its authenticated caller is not among the clients. */
  refused(caller: string): void {
    this.#unknownCallers.called(caller, this.specification);
  }

  /**
   * A check showed that the authorization server accepts the credential. While suspended, no request of this token will.
   * `asked`: the check sent what this token would send.
   */
  credentialAccepted({ asked }: { readonly asked: boolean }): void {
    const { lastError } = this.status;
    if (this.status.get('Suspended')?.status !== true || lastError === undefined) return;
    if (asked || OF_CREDENTIAL.has(lastError.code)) this.requests.forgetRejection();
  }

  /** What is stored beside the token has changed: it is written now. */
  volumeChanged(): void {
    this.held.volumeChanged();
    this.wake();
  }

  /** A client tells when it first saw a generation in its volume. */
  sighted(generation: number, at: EpochMs): void {
    const lag = this.held.lagOf(generation, at);
    if (lag !== undefined) this.status.emit({ kind: 'volume-seen', generation, lag });
  }

  /** Takes the token's keys out of the store: it is no longer configured. False where that failed. Never rejects. */
  async withdraw(): Promise<boolean> {
    const message = 'The token is no longer in the configuration, so its keys were taken out of the store.';
    return (await this.#safely(() => this.held.withdraw(message))) ?? false;
  }

  /** Forgets its refresh tokens: they are no longer configured. Never rejects. */
  async removeChain(): Promise<void> {
    if (!this.specification.rotates) return;
    try {
      await this.#chain.remove();
    } catch (error) {
      this.status.emit({ kind: 'store-failed', message: messageOf(error) });
    }
  }

  /** The credential or the configuration changed: the last rejection says nothing about what is there now. */
  #mended(): void {
    this.requests.mended();
    if (this.status.get('Suspended')?.status === true) this.requests.forgetRejection();
  }

  #watch(): void {
    const { credentials, execution, storeWatch } = this.#dependencies;
    const { credential, clientApp, delivery, identity, key } = this.specification;
    this.#unwatch = [
      credentials.watch(credential, () => {
        this.#dependencies.inputs.changed(credential);
        this.#mended();
        this.wake();
      }),
    ];
    if (clientApp !== undefined) this.#unwatch.push(execution.watch(clientApp, () => this.wake()));
    if (storeWatch !== undefined && delivery === 'secret')
      this.#unwatch.push(storeWatch.watch(identity, key, () => this.#promptRepairs.told()));
  }

  /** Beside the cycle, which may be waiting for an authorization server. */
  async #lookAtCopy(): Promise<void> {
    await this.#safely(() => this.held.repairNow());
    this.wake();
  }

  /** A fault of our own degrades this token alone. Its message may quote anything, so only its kind is told. */
  async #safely<Value>(task: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await task();
    } catch (error) {
      const message = `The cycle of this token failed inside the token-acquirer (${error instanceof Error ? error.name : 'unknown'}); it goes on.`;
      this.status.failed('internal', message);
      this.status.emit({ kind: 'cycle-failed', message });
      return undefined;
    }
  }

  async #adopt(): Promise<void> {
    const { predecessors, requested } = this.#neighbours;
    await predecessors;
    await this.#followInterval();
    const { clock } = this.#dependencies;
    const patience = clock.monotonic() + FIRST_READ;
    await this.held.adopt(requested);
    while (this.held.unread && !this.#stopped && clock.monotonic() + this.held.storeHeldOff < patience) {
      this.#wake = new AbortController();
      await clock.wait(this.held.storeHeldOff, this.#wake.signal);
      if (this.held.storeHeldOff === 0) await this.held.adopt(requested);
    }
  }

  async #step(): Promise<Ms> {
    await this.#followInterval();
    if (this.held.unread && this.held.storeHeldOff === 0) await this.held.adopt(this.#neighbours.requested);
    this.#volumes.report(this.held);
    const decision = reconcile(this.#observe());
    this.#tellSuspension(decision);
    this.#tellReadiness();
    if (await this.#inputs.look(this.specification, decision.kind)) this.requests.forgetError();
    this.#unknownCallers.observe(this.specification);
    if (decision.kind === 'request-token') {
      const unlooked = this.#clientApp.unlookedFor;
      // A token for a client app that was not looked at yet might be one for nobody. The watch wakes this as it has looked.
      if (unlooked > 0 && !this.held.isLive()) return unlooked;
      if (decision.reason === 'RenewalDue' && (await this.#isRenewedByAnother())) return SOON;
      await this.requests.acquire('renewal', decision.reason);
      this.#tellReadiness();
      return SOON;
    }
    if (decision.kind === 'suspend' && decision.withdraw) {
      await this.held.withdrawExpired('The token expired while its client app was not running: its keys were removed.');
      return decision.after;
    }
    // A write that hangs must not keep an expired token from being replaced.
    if (this.held.storing) void this.held.settled().then(() => this.wake());
    else if (this.requests.inFlight === undefined) await this.held.repair();
    await this.held.announce();
    const backingOff = decision.kind === 'requeue' && decision.because === 'BackingOff';
    const turn = backingOff ? this.requests.waitForServer(() => this.wake()) : LOOK_AGAIN;
    return Math.min(decision.after, turn, this.held.storeLookIn(), this.#expiryIn() ?? LOOK_AGAIN);
  }

  /** Whether another token-acquirer has stored a newer token, which then counts. */
  async #isRenewedByAnother(): Promise<boolean> {
    const { token } = this.held;
    if ((this.#dependencies.others?.().pods ?? []).length === 0) return false;
    await this.held.repairNow();
    return this.held.token !== token;
  }

  /** While renewals fail, the moment of expiry is one to be told at once. */
  #expiryIn(): Ms | undefined {
    const { deadlines } = this.held;
    return deadlines !== undefined && this.held.isLive() ? until(deadlines.expiry, this.held.instant()) : undefined;
  }

  #observe(): Observation {
    const { deadlines } = this.held;
    const standsBack = deadlines !== undefined && this.#dependencies.others?.().standsBack === true;
    return {
      now: this.held.instant(),
      token: standsBack ? { ...deadlines, renewal: dueAfterOthers(deadlines) } : deadlines,
      superseded: this.held.superseded,
      storing: this.held.storing,
      execution: this.#clientApp.observe(this.specification),
      called: this.#clientApp.calling,
      notBefore: this.requests.renewalNotBefore,
    };
  }

  /** The credential folder's own interval wins over the configuration. */
  async #followInterval(): Promise<void> {
    const { renewal, credential } = this.specification;
    try {
      const interval = await this.#dependencies.credentials.interval(credential);
      const policy = interval === undefined ? renewal : { interval };
      this.held.follow(policy);
      this.#tellInterval(policy);
    } catch (error) {
      // The volume cannot be read at the moment; the interval in force stays until it can.
      if (error instanceof StoreError) return;
      if (!(error instanceof UsageError)) throw error;
      const message = `${messageOf(error)} The interval in force stays.`;
      const changed = this.status.set('IntervalValid', false, 'IntervalInvalid', message);
      if (changed) this.status.emit({ kind: 'interval-invalid', message });
    }
  }

  #tellInterval(policy: RenewalRule): void {
    const { token } = this.held;
    if (!('interval' in policy) || token === undefined) return void this.status.set('IntervalValid', true, 'Valid', '');
    const message = intervalWarning(policy.interval, token.expiresAt - token.issuedAt);
    const reason = message === undefined ? 'Valid' : 'VeryShort';
    const changed = this.status.set('IntervalValid', true, reason, message ?? '');
    if (changed && message !== undefined) this.status.emit({ kind: 'interval-short', message });
  }

  #tellSuspension(decision: Decision): void {
    const suspended = decision.kind === 'suspend';
    const before = this.status.get('Suspended')?.status ?? false;
    const message = suspended
      ? `${absenceOf(this.specification.clientApp)} No token is requested until the client app runs or asks for one.`
      : 'The client app is running.';
    this.status.set('Suspended', suspended, suspended ? decision.because : 'ClientAppRunning', message);
    if (suspended !== before) this.status.emit({ kind: suspended ? 'suspended' : 'resumed', message });
  }

  #tellReadiness(): void {
    if (this.held.isLive()) this.status.set('Ready', true, 'TokenValid', 'A valid token is held.');
    else if (this.held.token === undefined)
      this.status.set('Ready', false, 'TokenDoesNotExist', 'There is no token yet.');
    else this.status.set('Ready', false, 'TokenExpired', 'The token has expired.');
  }
}
