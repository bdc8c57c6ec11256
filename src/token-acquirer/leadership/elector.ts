import { messageOf, StoreError } from '../../core/errors.ts';
import { type Instant, instantOf } from '../../core/instant.ts';
import {
  changeIn,
  decideLease,
  type Leader,
  type LeaseDecision,
  leaderAt,
  type Role,
  roleAt,
} from '../../core/leadership.ts';
import {
  acting,
  asking,
  type Candidate,
  claimed,
  doubted,
  failed,
  isHeld,
  type LeaseClaim,
  type LeaseView,
  observed,
  podOf,
  RETRY,
  released,
  releaseOf,
  suspected,
  unknownLease,
} from '../../core/lease.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Lease } from '../../ports/lease.ts';
import type { Leadership } from './leadership.ts';

export interface ElectorOptions {
  readonly clock: Clock;
  readonly lease: Lease;
  readonly self: Candidate;
  /** Called after each look at the Lease, and where the role changed. */
  readonly onLook: (view: LeaseView, role: Role) => void;
}

/** Giving the Lease back may not hold up the end of the process. */
const LONGEST_RELEASE: Ms = 2000;

/** Keeps one Lease, or waits for it. What it does is decided in `core/leadership.ts`. */
export class Elector implements Leadership {
  readonly #options: ElectorOptions;
  readonly #watchers = new Set<() => void>();
  #view: LeaseView;
  #wake = new AbortController();
  #told: { readonly role: Role; readonly address: string | undefined };
  #unwatch: (() => void) | undefined;
  #isRetired = false;
  #stopped = false;
  readonly #givenBack = Promise.withResolvers<void>();

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#view = unknownLease(options.self);
    this.#told = { role: this.role, address: undefined };
  }

  get role(): Role {
    return roleAt(this.#view, this.#now());
  }

  get leader(): Leader | undefined {
    return leaderAt(this.#view, this.#now());
  }

  doubt(leader: Leader): void {
    const { holder, address } = this.#view.record ?? {};
    // The call may have begun before another replica took the Lease.
    if (holder === undefined || address !== leader.address || podOf(holder) !== leader.pod) return;
    this.#view = doubted(this.#view);
    this.#tell();
  }

  watch(changed: () => void): () => void {
    const watcher = (): void => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** The process acts on these shards now. The Lease says so soon, if this process holds it. */
  act(assignment: string): void {
    this.#view = acting(this.#view, assignment);
    this.#wake.abort();
  }

  /** Takes part until `release`, and looks at the Lease until `stop`. */
  run(): void {
    void this.#run();
  }

  /**
   * Gives the Lease back, so that another replica takes it immediately, and takes no longer part. It goes on to watch who leads.
   * Never rejects.
   */
  async release(): Promise<void> {
    this.#isRetired = true;
    this.#wake.abort();
    await Promise.race([this.#givenBack.promise, this.#options.clock.wait(LONGEST_RELEASE)]);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake.abort();
    this.#unwatch?.();
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopped) {
      if (this.#isRetired) await this.#giveBack();
      const decision = this.#decide();
      if (decision.kind === 'wait') {
        this.#wake = new AbortController();
        const after = Math.min(decision.after, changeIn(this.#view, this.#now()));
        await clock.wait(after, this.#wake.signal);
      } else {
        await (decision.kind === 'read' ? this.#read() : this.#claim(decision.claim, decision.version));
      }
      this.#follow();
      this.#tell();
    }
  }

  #decide(): LeaseDecision {
    const decision = decideLease(this.#view, this.#now());
    return this.#isRetired && decision.kind === 'claim' ? { kind: 'wait', after: RETRY } : decision;
  }

  async #read(): Promise<void> {
    this.#view = asking(this.#view);
    try {
      const record = await this.#options.lease.read();
      this.#view = observed(this.#view, record, this.#now());
    } catch (error) {
      this.#fail(error);
    }
    this.#options.onLook(this.#view, this.role);
  }

  async #claim(claim: LeaseClaim, version: string): Promise<void> {
    const begun = this.#now();
    this.#view = asking(this.#view);
    try {
      const record = await this.#options.lease.write(claim, version);
      if (record === undefined) this.#view = suspected(this.#view);
      else this.#view = claimed(this.#view, record, { begun, now: this.#now() });
    } catch (error) {
      // It may have been carried out where the answer was lost.
      this.#view = suspected(this.#view);
      this.#fail(error);
    }
    this.#options.onLook(this.#view, this.role);
  }

  /** Once. A Lease that cannot be given back ends by itself. */
  async #giveBack(): Promise<void> {
    const { record } = this.#view;
    try {
      if (record === undefined || !isHeld(this.#view)) return;
      const free = await this.#options.lease.write(releaseOf(this.#view, this.#now()), record.version);
      this.#view = free === undefined ? suspected(released(this.#view)) : observed(this.#view, free, this.#now());
    } catch (error) {
      this.#view = released(this.#view);
      this.#fail(error);
    } finally {
      this.#follow();
      this.#tell();
      this.#givenBack.resolve();
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    const { permanent, missing } = error;
    this.#view = failed(this.#view, { permanent, missing, message: messageOf(error) }, this.#now());
  }

  /** The holder of the Lease knows when it changes it. */
  #follow(): void {
    if (isHeld(this.#view)) {
      this.#unwatch?.();
      this.#unwatch = undefined;
    } else if (!this.#stopped) {
      this.#unwatch ??= this.#options.lease.watch(() => {
        this.#view = suspected(this.#view);
        this.#wake.abort();
      });
    }
  }

  #tell(): void {
    const { role } = this;
    const address = this.leader?.address;
    if (role === this.#told.role && address === this.#told.address) return;
    this.#told = { role, address };
    this.#options.onLook(this.#view, role);
    for (const watcher of Array.from(this.#watchers)) watcher();
  }

  #now(): Instant {
    return instantOf(this.#options.clock);
  }
}
