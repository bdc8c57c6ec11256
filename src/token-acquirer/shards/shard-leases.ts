import { decideChain } from '../../core/chain-owner.ts';
import { StoreError } from '../../core/errors.ts';
import {
  type FormerOwner,
  formerOwnerOf,
  formerOwners,
  type LeaseSighting,
  type LeaseState,
  leaseRead,
  leaseStateAt,
  leaseUnread,
} from '../../core/shard-leases.ts';
import { assignmentOf, type Shards, shardName } from '../../core/shards.ts';
import type { Ms, SecretReference } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Lease } from '../../ports/lease.ts';
import type { ChainOwners, FormerUser, ShardHandover } from './shard-handover.ts';

export interface ShardLeasesOptions {
  readonly clock: Clock;
  /** The shard of this process. */
  readonly own: number;
  /** Name of the Lease of the first shard. */
  readonly name: string;
  readonly leaseOf: (name: string) => Pick<Lease, 'read'>;
  /** Called after each look at all of them. */
  readonly onLook: () => void;
}

/** The Lease of a shard, as this process sees it. */
export interface ShardState {
  readonly shard: number;
  readonly lease: string;
  readonly state: LeaseState;
  readonly holder: string | undefined;
}

/** Each process looks at the Leases of the other shards this often, and less often where there are many. */
const LOOK: Ms = 20_000;
const FEW_LEASES = 8;
/** While tokens change their shard. */
const LOOK_SOON: Ms = 2000;
/** A kubelet brings a changed ConfigMap within 90 s, so a shard that acts on the former one for less is healthy. */
const LATE: Ms = 120_000;
/** A client waits for its answer. */
const CHAIN_PATIENCE: Ms = 3000;
const CHAIN_LOOK: Ms = 500;

/** Watches the Leases of the other shards: who is alive, and who still works on tokens that now belong to another shard. */
export class ShardLeases implements ShardHandover {
  readonly #options: ShardLeasesOptions;
  readonly #leases = new Map<string, Pick<Lease, 'read'>>();
  readonly #sightings = new Map<string, LeaseSighting>();
  readonly #watchers = new Set<() => void>();
  #shards: Shards;
  /** How many Leases there are to look at: those of shards that are no longer configured, too, until they end. */
  #count: number;
  #formerOwners: readonly FormerOwner[] = [];
  /** Since when they act on something else. */
  #differsSince: ReadonlyMap<number, Ms> = new Map();
  #hasLooked = false;
  #wake = new AbortController();

  constructor(shards: Shards, options: ShardLeasesOptions) {
    this.#options = options;
    this.#shards = shards;
    this.#count = shards.count;
  }

  /** What this process acts on, for its own Lease. */
  get assignment(): string {
    return assignmentOf(this.#shards);
  }

  /** The other shards of the configuration. */
  get others(): readonly ShardState[] {
    const shards = Array.from({ length: this.#shards.count }, (_, shard) => shard);
    return shards.filter((shard) => shard !== this.#options.own).map((shard) => this.#stateOf(shard));
  }

  /** A shard that has acted on another configuration for a long time. */
  get late(): ShardState | undefined {
    const late = this.#formerOwners.find(({ shard }) => this.isLate(shard));
    return late === undefined ? undefined : this.#stateOf(late.shard);
  }

  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  isLate(shard: number): boolean {
    const since = this.#differsSince.get(shard);
    return since !== undefined && this.#options.clock.monotonic() - since >= LATE;
  }

  /** Returns the shard that still works on a Secret, because it has not loaded this configuration yet. */
  formerOwnerOf(secret: SecretReference): number | undefined {
    return this.#formerOwners.length === 0 ? undefined : formerOwnerOf(secret, this.#formerOwners);
  }

  /** The configuration has these shards now. */
  follow(shards: Shards): void {
    this.#shards = shards;
    this.#count = Math.max(this.#count, shards.count);
    this.#conclude();
    this.#wake.abort();
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  /** Looks at the Leases in turn until `stop` aborts. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const wakeUp = (): void => this.#wake.abort();
    stop.addEventListener('abort', wakeUp, { once: true });
    while (!stop.aborted) {
      this.#wake = new AbortController();
      await this.#lookAtAll(stop);
      if (stop.aborted) return;
      await this.#options.clock.wait(this.#pause, this.#wake.signal);
    }
  }

  get chains(): ChainOwners {
    return { lease: this.#nameOf(this.#options.own), waitFor: (lease) => this.#waitForChain(lease) };
  }

  /** An older version, which saved no name, had no other shard than the first. */
  async #waitForChain(name = this.#nameOf(0)): Promise<FormerUser | undefined> {
    const { clock, own } = this.#options;
    if (name === this.#nameOf(own)) return undefined;
    const patience = clock.monotonic() + CHAIN_PATIENCE;
    for (;;) {
      const lease = await this.#look(name);
      const state = leaseStateAt(lease, clock.monotonic());
      const decision = decideChain({ lease, state, assignment: this.assignment });
      if (decision.kind === 'take') return undefined;
      if (clock.monotonic() >= patience)
        return { lease: name, ...(decision.holder !== undefined && { holder: decision.holder }) };
      await clock.wait(CHAIN_LOOK);
    }
  }

  get #pause(): Ms {
    return this.#formerOwners.length > 0 ? LOOK_SOON : LOOK * Math.max(1, this.#count / FEW_LEASES);
  }

  #stateOf(shard: number): ShardState {
    const lease = this.#nameOf(shard);
    const sighting = this.#sightings.get(lease);
    const state = leaseStateAt(sighting, this.#options.clock.monotonic());
    return { shard, lease, state, holder: state === 'ended' ? undefined : sighting?.record?.holder };
  }

  async #lookAtAll(stop: AbortSignal): Promise<void> {
    for (let shard = 0; shard < this.#count && !stop.aborted; shard += 1) {
      if (shard !== this.#options.own) await this.#look(this.#nameOf(shard));
    }
    if (stop.aborted) return;
    this.#hasLooked = true;
    this.#conclude();
    this.#options.onLook();
  }

  async #look(name: string): Promise<LeaseSighting> {
    const { clock, leaseOf } = this.#options;
    const lease = this.#leases.get(name) ?? leaseOf(name);
    this.#leases.set(name, lease);
    let sighting: LeaseSighting;
    try {
      const record = await lease.read();
      sighting = leaseRead(this.#sightings.get(name), record, clock.monotonic());
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      sighting = leaseUnread(this.#sightings.get(name), error.permanent || error.missing, clock.monotonic());
    }
    this.#sightings.set(name, sighting);
    return sighting;
  }

  /** Draws the conclusions of what was seen, so that a question about one of thousands of tokens costs little. */
  #conclude(): void {
    const { own, clock } = this.#options;
    const now = clock.monotonic();
    const leases = new Map<number, LeaseSighting>();
    for (let shard = 0; shard < this.#count; shard += 1) {
      const sighting = this.#sightings.get(this.#nameOf(shard));
      if (sighting !== undefined) leases.set(shard, sighting);
    }
    const { late } = this;
    const before = this.#formerOwners;
    this.#formerOwners = formerOwners({ own, shards: this.#shards }, leases, now);
    this.#differsSince = new Map(
      this.#formerOwners.map(({ shard }) => [shard, this.#differsSince.get(shard) ?? now] as const),
    );
    this.#forgetEnded(now);
    if (late?.shard === this.late?.shard && isSame(before, this.#formerOwners)) return;
    for (const changed of Array.from(this.#watchers)) changed();
  }

  /** Leases of shards that are no longer configured do not matter once they have ended. */
  #forgetEnded(now: Ms): void {
    while (this.#count > this.#shards.count) {
      const name = this.#nameOf(this.#count - 1);
      const sighting = this.#sightings.get(name);
      if (leaseStateAt(sighting, now) !== 'ended') return;
      this.#sightings.delete(name);
      this.#count -= 1;
    }
  }

  #nameOf(shard: number): string {
    return shardName(this.#options.name, shard);
  }
}

function isSame(some: readonly FormerOwner[], others: readonly FormerOwner[]): boolean {
  const textOf = ({ shard, shards }: FormerOwner): string => `${shard} ${assignmentOf(shards)}`;
  return some.map(textOf).join() === others.map(textOf).join();
}
