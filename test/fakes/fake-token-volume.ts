import type { Token } from '../../src/core/token.ts';
import type { TokenVolume } from '../../src/ports/token-volume.ts';

/** A volume in memory, whose watchers are called only on `put`, or not even then. */
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

  /** A token, a fault that reading meets, or nothing. */
  put(key: string, content: Token | Error | undefined): void {
    this.putUnheard(key, content);
    for (const changed of this.#watchers) changed();
  }

  /** Changes the volume without anybody being called. */
  putUnheard(key: string, content: Token | Error | undefined): void {
    if (content === undefined) this.#held.delete(key);
    else this.#held.set(key, content);
  }
}
