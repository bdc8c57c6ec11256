import { WITHDRAWN } from '../../core/conditions.ts';
import { type Dispute, isDisputed, pauseAfter, repaired } from '../../core/dispute.ts';
import { messageOf, StoreError } from '../../core/errors.ts';
import { factsOf } from '../../core/events.ts';
import { LOOK_AGAIN } from '../../core/reconcile.ts';
import type { EpochMs, Ms, Token } from '../../core/token.ts';
import {
  documentKey,
  fromVolumeData,
  TokenVolumeError,
  toVolumeData,
  type VolumeData,
} from '../../core/token-volume.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenStore } from '../../ports/token-store.ts';
import type { VolumeNudge } from '../../ports/volume-nudge.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

const RETRY: Ms = 1000;
const LONGEST_RETRY: Ms = 30_000;
/** One for all tokens: an object each weighs on a process with thousands of them. */
const NOTHING: VolumeData = {};

export interface StoredCopyDependencies {
  readonly clock: Clock;
  readonly store: TokenStore;
  readonly status: TokenStatus;
  /** Whether another configured token has this key in the same Secret. */
  readonly isTaken: (key: string) => boolean;
  readonly volume: VolumeContents;
  /** Called after each write. */
  readonly onWritten: () => void;
}

/** What a token volume holds in addition to the tokens, and how a change of it reaches clients. */
export interface VolumeContents {
  /** Such as `ca.crt`. */
  readonly common: Readonly<Record<string, string>>;
  /** Whether clients read a copy that a kubelet keeps, which follows later. */
  readonly mounted: boolean;
  /** Called after each write, where the configuration asks for it. */
  readonly nudge: VolumeNudge | undefined;
}

/** How many writes are remembered for clients that tell when they saw them. */
const REMEMBERED = 4;
/** A client whose clock is further off than this tells nothing. */
const LONGEST_LAG: Ms = 10 * 60_000;

/** The copy of one token in the store: under the key that the configuration names, and under no former one. */
export class StoredCopy {
  readonly #dependencies: StoredCopyDependencies;
  readonly #formerKeys = new Set<string>();
  #specification: TokenSpecification;
  #current = false;
  #withdrawn = false;
  #seenAt = Number.NEGATIVE_INFINITY;
  #written: { readonly generation: number; readonly at: EpochMs }[] = [];
  #failures = 0;
  #notBefore = 0;
  #dispute: Dispute | undefined;
  #announced = NOTHING;

  constructor(specification: TokenSpecification, dependencies: StoredCopyDependencies) {
    this.#specification = specification;
    this.#dependencies = dependencies;
  }

  get specification(): TokenSpecification {
    return this.#specification;
  }

  set specification(next: TokenSpecification) {
    const { key, delivery } = this.#specification;
    if (next.key !== key || next.delivery !== delivery) {
      if (delivery === 'secret') this.#formerKeys.add(key);
      if (next.delivery === 'secret') this.#formerKeys.delete(next.key);
      this.outdated();
    }
    this.#specification = next;
  }

  /** Whether the store is known to hold the present token. */
  get current(): boolean {
    return this.#current;
  }

  /** Whether the last call failed: what the store holds may be another's by now. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Whether the token was taken out, so that a pod that comes back waits for the next one. */
  get withdrawn(): boolean {
    return this.#withdrawn;
  }

  /** Until a failed call may be followed by the next one. */
  get heldOff(): Ms {
    return Math.max(0, this.#notBefore - this.#dependencies.clock.monotonic());
  }

  /** Until the store is to be looked at again, or a failed write to be tried again. */
  get lookIn(): Ms {
    if (!this.#current) return this.#failures === 0 ? LOOK_AGAIN : this.heldOff;
    return Math.max(this.heldOff, this.#seenAt + LOOK_AGAIN - this.#dependencies.clock.monotonic());
  }

  /** Whether someone else changes it again and again. */
  get disputed(): boolean {
    return isDisputed(this.#dispute, this.#dependencies.clock.monotonic());
  }

  /** Until what was repaired may be repaired once more. */
  get repairPause(): Ms {
    return pauseAfter(this.#dispute, this.#dependencies.clock.monotonic());
  }

  /** How long after its write a client saw a generation in its volume; `undefined` where that cannot be told. */
  lagOf(generation: number, seen: EpochMs): Ms | undefined {
    const write = this.#written.find((one) => one.generation === generation);
    const lag = write === undefined ? undefined : seen - write.at;
    return lag === undefined || Math.abs(lag) > LONGEST_LAG ? undefined : Math.max(0, lag);
  }

  /** The token changed: what is stored is of the past. */
  outdated(): void {
    this.#current = false;
    this.#notBefore = 0;
  }

  /** It is to be looked at: what is stored beside the token may be of the past. */
  lookNow(): void {
    this.#seenAt = Number.NEGATIVE_INFINITY;
  }

  /** What made the last call fail may be over. */
  tryNow(): void {
    this.#notBefore = 0;
  }

  /** The store was seen to hold something else than was written. */
  damaged(): void {
    this.#dispute = repaired(this.#dispute, this.#dependencies.clock.monotonic());
  }

  /** The store was seen to hold the present token. */
  seen(): void {
    this.#current = true;
    this.#withdrawn = false;
    this.#seenAt = this.#dependencies.clock.monotonic();
    this.#well();
  }

  /** What is stored; `undefined` where it cannot be told, or nothing is to be stored. */
  async read(): Promise<VolumeData | undefined> {
    const { key, identity, delivery } = this.#specification;
    if (delivery === 'endpoint') return undefined;
    try {
      const common = Object.keys(this.#dependencies.volume.common);
      return await this.#dependencies.store.read(identity, [key, documentKey(key), ...common]);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** The token that was read; `undefined` for none. What is none is taken for missing, and that is told. */
  tokenIn(data: VolumeData | undefined): Token | undefined {
    if (data === undefined) return undefined;
    try {
      return fromVolumeData(this.#specification.key, data);
    } catch (error) {
      if (!(error instanceof TokenVolumeError)) throw error;
      const message = `${error.message} It is taken for missing.`;
      this.#dependencies.status.emit({ kind: 'stored-token-unreadable', message });
      return undefined;
    }
  }

  /** Whether what was read is this token and nothing else. */
  holds(token: Token, data: VolumeData): boolean {
    const wanted = { ...toVolumeData(this.#specification.key, token), ...this.#dependencies.volume.common };
    return contains(data, wanted);
  }

  /** Stores the token, and removes it from its former keys in the same write. `isPresent`: whether it still is the one. */
  async write(token: Token, isPresent: () => boolean): Promise<void> {
    const { identity, key, delivery } = this.#specification;
    const { store, volume, clock, status, onWritten } = this.#dependencies;
    const former = [...this.#formerKeys];
    const wanted = delivery === 'endpoint' ? {} : { ...toVolumeData(key, token), ...volume.common };
    const changes = { ...removalOf(this.#free(former)), ...wanted };
    if (Object.keys(changes).length === 0) return;
    try {
      await store.write(identity, changes);
    } catch (error) {
      this.#failed(error);
      return;
    }
    for (const one of former) this.#formerKeys.delete(one);
    onWritten();
    this.#written = [{ generation: token.generation, at: clock.now() }, ...this.#written].slice(0, REMEMBERED);
    if (!isPresent() || delivery === 'endpoint' || key !== this.#specification.key) return this.#well();
    if (!contains(changes, volume.common)) {
      // It changed while the write was under way, and pods may be waiting for it.
      this.outdated();
      return this.write(token, isPresent);
    }
    this.seen();
    status.emit({ kind: 'token-stored', token: factsOf(token) });
  }

  /**
   * Stores what stands beside a token while there is none, so that clients can ask for one, or why, of whom they can
   * trust. A store that fails is told by the write of the token.
   */
  async announce(): Promise<void> {
    const { store, volume } = this.#dependencies;
    const { identity, delivery } = this.#specification;
    const { common } = volume;
    if (delivery === 'endpoint' || this.heldOff > 0 || contains(this.#announced, common)) return;
    try {
      await store.write(identity, common);
      this.#announced = { ...common };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Takes all keys of the token out of the store, unless `isKept` once it was read. False where that failed. */
  async withdraw(message: string, isKept: () => boolean): Promise<boolean> {
    const { identity, key, delivery } = this.#specification;
    const { status, store } = this.#dependencies;
    const keys = this.#free(delivery === 'endpoint' ? [...this.#formerKeys] : [...this.#formerKeys, key]);
    if (keys.length === 0) return true;
    try {
      const there = await store.read(identity, Object.keys(removalOf(keys)));
      // Free once more: another token may have come to one of them meanwhile.
      const gone = this.#free(keys).filter(
        (one) => Object.hasOwn(there, one) || Object.hasOwn(there, documentKey(one)),
      );
      if (isKept()) return true;
      if (gone.length > 0) {
        await store.write(identity, removalOf(gone));
        status.emit({ kind: 'token-withdrawn', message });
      }
      if (!isKept()) this.#gone(message);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #free(keys: readonly string[]): string[] {
    return keys.filter((key) => !this.#dependencies.isTaken(key));
  }

  #failed(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    const { clock, status } = this.#dependencies;
    this.#failures += 1;
    const pause = error.permanent ? LONGEST_RETRY : RETRY * 2 ** Math.min(this.#failures - 1, 10);
    this.#notBefore = clock.monotonic() + Math.min(LONGEST_RETRY, pause);
    status.set('Stored', false, error.permanent ? 'StoreRefused' : 'StoreUnavailable', messageOf(error));
    status.emit({ kind: 'store-failed', message: messageOf(error) });
  }

  #gone(message: string): void {
    this.#current = false;
    this.#withdrawn = true;
    this.#failures = 0;
    this.#dependencies.status.set('Stored', false, WITHDRAWN, message);
  }

  #well(): void {
    this.#failures = 0;
    const { disputed } = this;
    const but = disputed
      ? ' Someone else changes or removes it again and again, so it is ever more slowly repaired.'
      : '';
    const message = `The store holds the present token.${but}`;
    this.#dependencies.status.set('Stored', true, disputed ? 'Disputed' : 'Stored', message);
  }
}

function contains(data: Readonly<Record<string, string | undefined>>, wanted: VolumeData): boolean {
  return Object.entries(wanted).every(([key, text]) => data[key] === text);
}

function removalOf(keys: readonly string[]): Record<string, undefined> {
  return Object.fromEntries(keys.flatMap((key) => [key, documentKey(key)]).map((name) => [name, undefined]));
}
