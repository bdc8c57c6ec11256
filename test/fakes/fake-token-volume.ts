import type { Token } from '../../src/core/token.ts';
import type { TokenVolume } from '../../src/ports/token-volume.ts';

/** A volume in memory, which calls its watchers only on `put`, or never. */
export class FakeTokenVolume implements TokenVolume {
  readonly #held = new Map<string, Token | Error>();
  readonly #watchers = new Set<() => void>();
  reads = 0;

  read(key: string): Token | undefined {
    this.reads += 1;
    const held = this.#held.get(key);
    if (held instanceof Error) throw held;
    return held;
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  get watching(): number {
    return this.#watchers.size;
  }

  /** Sets a token, an error of the next reads, or nothing. */
  put(key: string, content: Token | Error | undefined): void {
    this.putUnheard(key, content);
    for (const changed of this.#watchers) changed();
  }

  /** Changes the volume without a call to its watchers. */
  putUnheard(key: string, content: Token | Error | undefined): void {
    if (content === undefined) this.#held.delete(key);
    else this.#held.set(key, content);
  }
}
