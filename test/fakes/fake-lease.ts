import { StoreError } from '../../src/core/errors.ts';
import type { LeaseClaim, LeaseRecord } from '../../src/core/lease.ts';
import type { Lease } from '../../src/ports/lease.ts';

const FREE: LeaseRecord = {
  version: '1',
  holder: undefined,
  address: undefined,
  assignment: undefined,
  duration: undefined,
  acquiredAt: undefined,
  renewedAt: undefined,
  transitions: 0,
};

/** A Lease that several processes share. Each has its own way to it, which can be cut. */
export class FakeLease {
  record: LeaseRecord | undefined = FREE;
  /** Identities, one for each write that succeeded. */
  readonly writes: string[] = [];
  reads = 0;
  readonly #watchers = new Set<() => void>();

  /** The way of one process. */
  connect(): FakeLeaseConnection {
    return new FakeLeaseConnection(this);
  }

  /** Changes it as a person does. */
  edit(changes: Partial<LeaseRecord>): void {
    this.#put({ ...(this.record ?? FREE), ...changes });
  }

  swap(claim: LeaseClaim, version: string): LeaseRecord | undefined {
    if (this.record?.version !== version) return undefined;
    this.writes.push(claim.holder);
    return this.#put({ ...this.record, ...claim, holder: claim.holder === '' ? undefined : claim.holder });
  }

  watch(changed: () => void): () => void {
    const watcher = (): void => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  #put(record: LeaseRecord): LeaseRecord {
    const next = { ...record, version: `${Number(this.record?.version ?? 0) + 1}` };
    this.record = next;
    for (const watcher of Array.from(this.#watchers)) watcher();
    return next;
  }
}

export class FakeLeaseConnection implements Lease {
  /** What each call throws, where it is set. */
  failure: StoreError | undefined;
  /** Whether changes are reported. */
  isWatchable = true;
  readonly #lease: FakeLease;

  constructor(lease: FakeLease) {
    this.#lease = lease;
  }

  async read(): Promise<LeaseRecord> {
    await Promise.resolve();
    this.#check();
    this.#lease.reads += 1;
    const { record } = this.#lease;
    if (record === undefined) throw new StoreError('There is no Lease. Make it.', { missing: true });
    return record;
  }

  async write(claim: LeaseClaim, version: string): Promise<LeaseRecord | undefined> {
    await Promise.resolve();
    this.#check();
    if (this.#lease.record === undefined) throw new StoreError('There is no Lease. Make it.', { missing: true });
    return this.#lease.swap(claim, version);
  }

  watch(changed: () => void): () => void {
    return this.#lease.watch(() => {
      if (this.isWatchable && this.failure === undefined) changed();
    });
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
