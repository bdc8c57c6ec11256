import { WITHDRAWN } from '../../core/conditions.ts';
import {
  announced,
  type CopyState,
  changed,
  consulted,
  damaged,
  failed,
  failedLook,
  left,
  moved,
  outdated,
  read,
  reading,
  reformed,
  removed,
  seen,
  seenInPart,
  suspected,
  UNKNOWN_COPY,
  writing,
  written,
} from '../../core/copy-state.ts';
import { isDisputed } from '../../core/dispute.ts';
import { messageOf, StoreError } from '../../core/errors.ts';
import { factsOf } from '../../core/events.ts';
import { contains, describeFound, type Found } from '../../core/found-copy.ts';
import type { Ms, SecretReference, Token } from '../../core/token.ts';
import { isSamePlace, keysOf, toVolumeData } from '../../core/token-volume.ts';
import type { TraceContext } from '../../core/trace-context.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenStore } from '../../ports/token-store.ts';
import type { VolumeNudge } from '../../ports/volume-nudge.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

export interface StoredCopyDependencies {
  readonly clock: Clock;
  readonly store: TokenStore;
  readonly status: TokenStatus;
  /** Whether this key of the Secret belongs to another configured token. */
  readonly isTaken: (key: string) => boolean;
  readonly volume: VolumeContents;
  /** Called after each write. */
  readonly onWritten: () => void;
  /** Who knows the specification that is in force. */
  readonly owner: { readonly specification: TokenSpecification };
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

/** Reads and writes the copy of one token in the store, and remembers what is known of it. Decides nothing. */
export class StoredCopy {
  readonly #dependencies: StoredCopyDependencies;
  #state: CopyState = UNKNOWN_COPY;
  #writing: Promise<void> | undefined;

  constructor(dependencies: StoredCopyDependencies) {
    this.#dependencies = dependencies;
  }

  get state(): CopyState {
    return this.#state;
  }

  /** The write that is under way. */
  get writing(): Promise<void> | undefined {
    return this.#writing;
  }

  /** Whether what belongs next to a token was stored before the first one. */
  get announced(): boolean {
    return contains(this.#state.announced, this.#dependencies.volume.common);
  }

  /** The configuration moved the token. */
  move(from: TokenSpecification, to: TokenSpecification): void {
    this.#state = moved(this.#state, from, to);
  }

  /** Forgets what is known of the copy. */
  forget(): void {
    this.#state = { ...UNKNOWN_COPY, formerKeys: this.#state.formerKeys };
  }

  /** The token in memory changed. */
  outdated(): void {
    this.#state = outdated(this.#state);
  }

  /** What is stored next to the token changed. */
  volumeChanged(): void {
    this.#state = changed(this.#state);
  }

  /** Someone else may have changed the copy. Returns whether that is news. */
  suspect(): boolean {
    const isNews = !this.#state.suspect;
    this.#state = suspected(this.#state, this.#now());
    return isNews;
  }

  /** A request is due: the copy is read first, because someone else may have stored a newer token. */
  consult(): void {
    this.#state = consulted(this.#state);
  }

  /** The store was seen to hold something else than what was written. */
  damaged(): void {
    this.#state = damaged(this.#state, this.#now());
  }

  /** The store was seen to hold the token, and everything next to it. */
  seen(token: Token): void {
    this.#state = seen(this.#state, token, this.#now());
    this.#reportStored();
  }

  /** The store was seen to hold the token. What is next to it is stored with the token that is requested. */
  seenInPart(token: Token): void {
    this.#state = seenInPart(this.#state, token);
  }

  /** The copy has the form of this version now. */
  reformed(token: Token): void {
    this.#state = reformed(this.#state, token);
  }

  /** Returns what is stored, next to the token in memory; `undefined` where the store failed. */
  async read(held: Token | undefined): Promise<Found | undefined> {
    const { owner, volume, store, status } = this.#dependencies;
    const { specification } = owner;
    const { key, identity } = specification;
    this.#state = reading(this.#state, this.#now());
    try {
      const data = await store.read(identity, [...keysOf(specification), ...Object.keys(volume.common)]);
      // A result for another specification is not used, so what an earlier process stored is still to be read.
      const found = describeFound(data, held, { key, form: specification, common: volume.common });
      if (owner.specification === specification) this.#state = left(read(this.#state), found.formerCopies);
      if (found.fault !== undefined) {
        status.emit({ kind: 'stored-token-unreadable', message: `${found.fault} It is treated as missing.` });
      }
      return found;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /**
   * Asks the store whether the copy is as it was last seen, without reading it. False where it has to be read. `within`: how old the
   * answer may be.
   */
  async confirm(token: Token, within: Ms): Promise<boolean> {
    const { owner } = this.#dependencies;
    const { specification } = owner;
    const { holds } = this.#state;
    try {
      const age = await this.#unchangedFor(keysOf(specification), within);
      if (age === undefined || holds !== token) return false;
      // What was asked before a change shows nothing about it.
      const isCurrent = this.#state.holds === token && owner.specification === specification && !this.#state.suspect;
      if (isCurrent) this.#state = seen(this.#state, token, this.#now() - age);
      return isCurrent;
    } catch (error) {
      this.#failed(error, failedLook);
      return true;
    }
  }

  /**
   * Stores the token, and removes it from its former keys in the same write. `isCurrent`: whether it still is the one. `trace`: of
   * the call that led to it.
   */
  async write(token: Token, isCurrent: () => boolean, trace?: TraceContext): Promise<void> {
    const current = this.#write(token, isCurrent, trace).finally(() => {
      if (this.#writing === current) this.#writing = undefined;
    });
    this.#writing = current;
    await current;
  }

  async #write(token: Token, isCurrent: () => boolean, trace: TraceContext | undefined): Promise<void> {
    const { owner, store, volume, clock, status, onWritten } = this.#dependencies;
    const { specification } = owner;
    const { identity, key, delivery } = specification;
    const { formerKeys } = this.#state;
    const wanted = delivery === 'endpoint' ? {} : { ...toVolumeData(key, token, specification), ...volume.common };
    const changes = { ...removalOf(this.#free(formerKeys)), ...wanted };
    const isNothing = Object.keys(changes).length === 0;
    this.#state = writing(this.#state);
    try {
      if (!isNothing) await store.write(identity, changes);
    } catch (error) {
      this.#failed(error, failed, trace);
      return;
    }
    this.#state = written(this.#state, token.generation, formerKeys, clock.now());
    if (isNothing) return;
    onWritten();
    const isMoved = !isSamePlace(specification, owner.specification);
    // What belongs next to the token may have changed while the write was under way, and pods may be waiting for it.
    if (!isCurrent() || delivery === 'endpoint' || isMoved) return this.#reportStored();
    if (!contains(changes, volume.common)) return;
    this.seen(token);
    status.emit({ kind: 'token-stored', token: factsOf(token), trace });
  }

  /**
   * Stores what belongs next to a token while there is none, so that clients can trust the endpoint that they ask for
   * one. A store that fails is reported by the write of the token.
   */
  async announce(): Promise<void> {
    const { store, volume, owner } = this.#dependencies;
    const { common } = volume;
    try {
      await store.write(owner.specification.identity, common);
      this.#state = announced(this.#state, common);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Removes all keys of the token from the store, unless `isKept` once it was read. False where that failed. */
  async withdraw(message: string, isKept: () => boolean = () => false): Promise<boolean> {
    const { owner, status, store } = this.#dependencies;
    const { identity } = owner.specification;
    const keys = this.#free([...this.#state.formerKeys, ...keysOf(owner.specification)]);
    if (keys.length === 0) return true;
    this.#state = reading(this.#state, this.#now());
    try {
      const data = await store.read(identity, keys);
      // Another token may have come to one of the keys in the meantime.
      const present = this.#free(keys).filter((one) => Object.hasOwn(data, one));
      if (isKept()) return true;
      if (present.length > 0) {
        await store.write(identity, removalOf(present));
        status.emit({ kind: 'token-withdrawn', message });
      }
      if (isKept()) return true;
    } catch (error) {
      // Where there is no Secret, there are no keys. That of an AccessToken goes with it, if it may not be written any more.
      if (!isMissing(error) && !(owner.specification.isResource === true && isPermanent(error))) {
        this.#failed(error);
        return false;
      }
    }
    this.#state = removed(this.#state, this.#now());
    status.set('Stored', false, WITHDRAWN, message);
    return true;
  }

  async #unchangedFor(keys: readonly string[], within: Ms): Promise<Ms | undefined> {
    const { owner, store } = this.#dependencies;
    if (store.unchanged === undefined) return undefined;
    this.#state = reading(this.#state, this.#now());
    return store.unchanged(owner.specification.identity, keys, within);
  }

  #free(keys: readonly string[]): readonly string[] {
    return keys.filter((key) => !this.#dependencies.isTaken(key));
  }

  #failed(error: unknown, transition: typeof failed = failed, trace?: TraceContext): void {
    if (!(error instanceof StoreError)) throw error;
    const { status, owner } = this.#dependencies;
    this.#state = transition(this.#state, error.permanent, this.#now());
    const { isResource, identity } = owner.specification;
    // Nobody has to create the Secret of an AccessToken by hand.
    const message = error.missing && isResource === true ? madeAgain(identity) : messageOf(error);
    status.set('Stored', false, error.permanent ? 'StoreRefused' : 'StoreUnavailable', message);
    status.emit({ kind: 'store-failed', message, trace });
  }

  #reportStored(): void {
    const disputed = isDisputed(this.#state.dispute, this.#now());
    const why = disputed
      ? ' Someone else changes or removes it again and again, so it is repaired more and more slowly.'
      : '';
    const reason = disputed ? 'Disputed' : 'Stored';
    this.#dependencies.status.set('Stored', true, reason, `The store holds the current token.${why}`);
  }

  #now(): number {
    return this.#dependencies.clock.monotonic();
  }
}

function madeAgain({ namespace, secret }: SecretReference): string {
  return `There is no Secret ${secret} in the namespace ${namespace}: someone deleted it. The token-acquirer makes it again.`;
}

function isMissing(error: unknown): boolean {
  return error instanceof StoreError && error.missing;
}

function isPermanent(error: unknown): boolean {
  return error instanceof StoreError && error.permanent;
}

function removalOf(keys: readonly string[]): Record<string, undefined> {
  return Object.fromEntries(keys.map((key) => [key, undefined]));
}
