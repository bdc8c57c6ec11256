import {
  type ClientToken,
  TokenNotYetAvailable,
  type TokenSource,
  type WaitOptions,
} from '../../src/client/token-source.ts';
import type { Sha256 } from '../../src/core/token.ts';
import { buildToken } from '../support/tokens.ts';

/** Tokens in memory: each rejected one is followed by the next of a list, the last one by a failure. */
export class FakeTokenSource implements TokenSource {
  readonly tokens: readonly ClientToken[];
  readonly replaced: Sha256[] = [];
  /** The reports on its tokens. */
  readonly outcomes: string[] = [];
  /** Makes every replacement wait first. */
  hold: Promise<void> | undefined;
  #at = 0;
  #waiting: (() => void)[] = [];

  /** `generations` replaces the rising generations. */
  constructor(count: number, generations: readonly number[] = []) {
    this.tokens = Array.from({ length: count }, (_, at) => buildToken({ generation: generations[at] ?? at + 1 }));
  }

  /** Removes the token, or restores it. */
  set absent(absent: boolean) {
    this.#absent = absent;
    if (absent) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #absent = false;

  hash(at: number): Sha256 {
    return this.tokens[at]?.sha256 ?? '';
  }

  current(): ClientToken {
    const token = this.tokens[this.#at];
    if (this.#absent || token === undefined) throw new TokenNotYetAvailable('The fake has no token.');
    return token;
  }

  async ready({ signal }: WaitOptions = {}): Promise<ClientToken> {
    while (this.#absent) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    }
    return this.current();
  }

  async replace(rejected: Sha256): Promise<ClientToken> {
    this.replaced.push(rejected);
    await this.hold;
    if (this.current().sha256 === rejected) {
      if (this.#at + 1 >= this.tokens.length) throw new TokenNotYetAvailable('The fake has no other token.');
      this.#at += 1;
    }
    return this.current();
  }

  accepted(sha256: Sha256): void {
    this.outcomes.push(`accepted ${this.tokens.findIndex((token) => token.sha256 === sha256)}`);
  }

  replayRejected(sha256: Sha256): void {
    this.outcomes.push(`replay rejected ${this.tokens.findIndex((token) => token.sha256 === sha256)}`);
  }

  close(): void {
    this.#absent = true;
  }
}
