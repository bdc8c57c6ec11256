import type { AccessToken } from '../../core/access-token.ts';
import { decideFinalizer } from '../../core/access-token-end.ts';
import { messageOf } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { VolumeData } from '../../core/token-volume.ts';
import type { AccessTokens } from '../../ports/access-tokens.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { TokenSpecification } from '../token/specification.ts';

/** For all that is done before an AccessToken ends. */
const LONGEST_END: Ms = 10_000;
/** Between attempts to write a finalizer. */
const TRY_AGAIN: Ms = 10_000;

export interface FinalizersDependencies {
  readonly resources: Pick<AccessTokens, 'stored' | 'setFinalizer'>;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'process'>;
  /** Revokes the last token, and reports what became of it. Gives up when the signal aborts. Never rejects. */
  revoke(specification: TokenSpecification, data: Promise<VolumeData>, signal: AbortSignal): Promise<void>;
  /** Something can be done about a finalizer now. */
  readonly changed: () => void;
}

/** What is known of an AccessToken that this process works on. */
export interface FinalizerView {
  /** `undefined`: no service allows it. */
  readonly specification: TokenSpecification | undefined;
  /** Whether the spec in force asks for the revocation; `undefined` while no spec is in force. */
  readonly revokes: boolean | undefined;
}

/** The finalizers of AccessTokens, and the revocations for which they wait. */
export class Finalizers {
  readonly #dependencies: FinalizersDependencies;
  readonly #stopping = new AbortController();
  /** Writes that are under way, by UID. */
  readonly #writes = new Map<string, Promise<void>>();
  /** Why the finalizer could not be written, by UID: reported once, because anyone who may change an AccessToken can cause it. */
  readonly #faults = new Map<string, string>();
  /** Finalizers, by UID, that are known but were others when ours was to be written: nothing is tried while they are known. */
  readonly #outdated = new Map<string, string>();
  /** AccessTokens that are being deleted, by UID. */
  readonly #ends = new Map<string, 'under-way' | 'over'>();

  constructor(dependencies: FinalizersDependencies) {
    this.#dependencies = dependencies;
  }

  /** Begins what is to be done. Never throws. */
  look(resource: AccessToken, { specification, revokes }: FinalizerView): void {
    const { uid } = resource;
    const decision = decideFinalizer({ resource, revokes, isOver: this.#ends.get(uid) === 'over' });
    if (decision === 'nothing') return;
    if (decision === 'revoke') return this.#end(resource, specification);
    if (this.#outdated.get(uid) === finalizersOf(resource)) return;
    if (!this.#writes.has(uid)) this.#writes.set(uid, this.#write(resource, decision === 'set'));
  }

  /** Resolves when no write of the finalizer is under way. */
  async settled({ uid }: AccessToken): Promise<void> {
    await this.#writes.get(uid);
  }

  /** Forgets all others. */
  keep(resources: readonly AccessToken[]): void {
    const there = new Set(resources.map(({ uid }) => uid));
    for (const known of [this.#ends, this.#faults, this.#outdated])
      for (const uid of known.keys()) if (!there.has(uid)) known.delete(uid);
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #write(resource: AccessToken, isSet: boolean): Promise<void> {
    const { uid } = resource;
    const { resources, telemetry, clock, changed } = this.#dependencies;
    try {
      const result = await resources.setFinalizer(resource, isSet);
      this.#writes.delete(uid);
      this.#faults.delete(uid);
      if (result === 'changed') this.#lookForChange(resource);
    } catch (error) {
      const message = messageOf(error);
      if (this.#faults.get(uid) !== message) telemetry.process({ kind: 'warning', message });
      this.#faults.set(uid, message);
      // Its token does not wait for that.
      void clock.wait(TRY_AGAIN, this.#stopping.signal).then(() => {
        this.#writes.delete(uid);
        if (!this.#stopping.signal.aborted) changed();
      });
    }
  }

  /** The change may be known already, or come to be known soon, or its event is lost. */
  #lookForChange(resource: AccessToken): void {
    const { uid } = resource;
    const { clock, changed } = this.#dependencies;
    this.#outdated.set(uid, finalizersOf(resource));
    changed();
    void clock.wait(TRY_AGAIN, this.#stopping.signal).then(() => {
      this.#outdated.delete(uid);
      if (!this.#stopping.signal.aborted) changed();
    });
  }

  #end(resource: AccessToken, specification: TokenSpecification | undefined): void {
    const { uid } = resource;
    if (this.#ends.has(uid)) return;
    this.#ends.set(uid, 'under-way');
    void this.#revoke(resource, specification).then(() => {
      // The process that takes over does it instead.
      if (this.#stopping.signal.aborted) return;
      this.#ends.set(uid, 'over');
      this.#dependencies.changed();
    });
  }

  /** Never rejects. */
  async #revoke(resource: AccessToken, specification: TokenSpecification | undefined): Promise<void> {
    const dependencies = this.#dependencies;
    if (specification === undefined) return this.#leave(resource);
    const limit = new AbortController();
    const over = new AbortController();
    const stopped = AbortSignal.any([over.signal, this.#stopping.signal]);
    void dependencies.clock.wait(LONGEST_END, stopped).then(() => {
      if (!stopped.aborted) limit.abort();
    });
    await dependencies.revoke(specification, this.#read(resource), limit.signal);
    over.abort();
  }

  /** The Secret may be gone, or go with its namespace. The token may be in memory then. */
  async #read(resource: AccessToken): Promise<VolumeData> {
    try {
      return (await this.#dependencies.resources.stored(resource)) ?? NOTHING;
    } catch {
      return NOTHING;
    }
  }

  /** It is not known which server gave the token. */
  #leave({ namespace, name }: AccessToken): void {
    const message = `The AccessToken ${namespace}/${name} was deleted while the configuration allowed no token for it. So its last token was not revoked, and stays valid until it expires.`;
    this.#dependencies.telemetry.process({ kind: 'warning', message });
  }
}

const NOTHING: VolumeData = {};

function finalizersOf({ finalizers = [] }: AccessToken): string {
  return finalizers.join(' ');
}
