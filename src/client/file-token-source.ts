import { messageOf } from '../core/errors.ts';
import { instantOf, later } from '../core/instant.ts';
import type { Ms, Sha256, Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Reissuer, Sighting } from '../ports/reissuer.ts';
import type { TokenVolume } from '../ports/token-volume.ts';
import { answeredToken } from './answered-token.ts';
import { ClockDoubt } from './clock-doubt.ts';
import { type Complaint, LatestToken } from './latest-token.ts';
import { Readiness } from './readiness.ts';
import { ReissueGate } from './reissue-gate.ts';
import { Replacement } from './replacement.ts';
import {
  type ClientToken,
  type ReplaceOptions,
  TokenNotYetAvailable,
  type TokenSource,
  type WaitOptions,
} from './token-source.ts';

/** An error that ends within this time was a read during a write. */
const SETTLING: Ms = 1000;
const LOOK_AGAIN: Ms = 100;

export interface FileTokenSourceParts {
  readonly name: string;
  /** The token's key in the volume. */
  readonly key: string;
  readonly volume: TokenVolume;
  readonly reissuer: Reissuer | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly rereadFor: Ms;
  readonly onFault: (fault: Error) => void;
}

/** Opens a source of tokens from the mounted volume. Reads it immediately, and watches it. */
export function openFileTokenSource(parts: FileTokenSourceParts): TokenSource {
  const source = new FileTokenSource(parts);
  source.open();
  return source;
}

class FileTokenSource implements TokenSource {
  readonly #parts: FileTokenSourceParts;
  readonly #held: LatestToken;
  readonly #doubt: ClockDoubt;
  readonly #gate: ReissueGate;
  readonly #replacement: Replacement;
  readonly #readiness: Readiness;
  readonly #closing = new AbortController();
  #stopWatching: (() => void) | undefined;
  #fault: Error | undefined;
  #told: string | undefined;
  #settling = false;
  #sighting: Sighting | undefined;
  #reported: number | undefined;

  constructor(parts: FileTokenSourceParts) {
    const { name, clock, random, rereadFor, reissuer } = parts;
    this.#parts = parts;
    this.#held = new LatestToken(name, clock);
    this.#doubt = new ClockDoubt((doubt) => parts.onFault(doubt));
    this.#gate = new ReissueGate(clock);
    this.#replacement = new Replacement({
      name,
      held: this.#held,
      clock,
      random,
      doubt: this.#doubt,
      rereadFor,
      look: () => this.#look(),
      reissue: reissuer && ((complaint) => this.#reissue(reissuer, complaint)),
    });
    this.#readiness = new Readiness({ held: this.#held, clock, random, attempt: () => this.#revive() });
  }

  /** Watches before it reads, so that no change falls in between. */
  open(): void {
    this.#stopWatching = this.#parts.volume.watch(() => this.#changed());
    this.#changed();
  }

  current(): ClientToken {
    const token = this.#held.live();
    if (token === undefined) throw this.#absence();
    return token;
  }

  ready(options?: WaitOptions): Promise<ClientToken> {
    return this.#readiness.ready(options);
  }

  replace(rejected: Sha256, options?: ReplaceOptions): Promise<ClientToken> {
    return this.#replacement.replace(rejected, options);
  }

  accepted(sha256: Sha256): void {
    this.#held.accepted(sha256);
  }

  replayRejected(sha256: Sha256): void {
    this.#held.replayRejected(sha256);
  }

  close(): void {
    this.#stopWatching?.();
    this.#closing.abort();
    this.#held.close();
  }

  #changed(): void {
    this.#look();
    if (this.#fault !== undefined && !this.#settling) void this.#settle();
  }

  /** Reads the volume. What is no token leaves the last good one in place. */
  #look(): void {
    const { volume, key } = this.#parts;
    try {
      const token = volume.read(key);
      this.#fault =
        token === undefined && this.#held.last !== undefined
          ? new Error(`The volume no longer has ${key}.json.`)
          : undefined;
      if (token !== undefined) {
        this.#note(token);
        this.#held.offer(token);
      }
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(messageOf(error));
    }
    if (this.#fault === undefined) this.#told = undefined;
  }

  /** Notes when each generation appears in the volume. The age of the first one is unknown. */
  #note(token: Token): void {
    const { generation } = token;
    const first = this.#sighting === undefined;
    if (this.#sighting?.generation === generation) return;
    const now = this.#parts.clock.now();
    this.#doubt.look(token, now);
    this.#sighting = { generation, at: now };
    if (first) this.#reported = generation;
  }

  async #settle(): Promise<void> {
    this.#settling = true;
    for (let waited = 0; waited < SETTLING && this.#fault !== undefined; waited += LOOK_AGAIN) {
      await this.#parts.clock.wait(LOOK_AGAIN, this.#closing.signal);
      this.#look();
    }
    this.#settling = false;
    if (this.#fault === undefined || this.#fault.message === this.#told || this.#held.closed) return;
    this.#told = this.#fault.message;
    this.#parts.onFault(this.#fault);
  }

  /** Re-reads and, where the token has expired, has it reissued. */
  async #revive(): Promise<void> {
    this.#look();
    const last = this.#held.last;
    if (last === undefined || this.#held.live() !== undefined || this.#parts.reissuer === undefined) return;
    try {
      await this.#replacement.renew(last.sha256);
    } catch {
      // Reported where the call was made. Waiting callers continue to wait.
    }
  }

  async #reissue(reissuer: Reissuer, { hash, cause }: Complaint): Promise<ClientToken | undefined> {
    const { name, clock } = this.#parts;
    const asked = instantOf(clock);
    const answer = await this.#gate.pass(async () => {
      try {
        const sighting = this.#sighting?.generation === this.#reported ? undefined : this.#sighting;
        const reissued = await reissuer.reissue(name, hash, { cause, sighting });
        this.#reported = sighting?.generation ?? this.#reported;
        return reissued;
      } catch (error) {
        if (error instanceof Error) this.#parts.onFault(error);
        throw error;
      }
    });
    this.#doubt.compare(answer, asked.wall);
    if (answer.expiresIn !== undefined) this.#held.confirm(answer.generation, later(asked, answer.expiresIn));
    return answeredToken(answer, this.#held.last?.scope ?? '');
  }

  #absence(): TokenNotYetAvailable {
    const { name, key } = this.#parts;
    const last = this.#held.last;
    if (this.#held.closed) return new TokenNotYetAvailable(`The source of token ${name} is closed.`);
    if (last !== undefined) {
      const expiry = new Date(last.expiresAt).toISOString();
      const message = `The token ${name} expired at ${expiry} and no other has come: await ready().`;
      return new TokenNotYetAvailable(message + this.#doubt.hint);
    }
    const why = this.#fault?.message ?? `The volume has no ${key}.json yet.`;
    return new TokenNotYetAvailable(`There is no token ${name} yet: await ready(). ${why}`);
  }
}
