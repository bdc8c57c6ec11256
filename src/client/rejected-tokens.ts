import type { Sha256 } from '../core/token.ts';

/** More than one gateway rejects before a token of the volume catches up. */
const REMEMBERED = 8;

/** The hashes of the last tokens that gateways rejected, so that a volume that lags does not bring them back. */
export class RejectedTokens {
  readonly #hashes = new Set<Sha256>();

  has(hash: Sha256): boolean {
    return this.#hashes.has(hash);
  }

  add(hash: Sha256): void {
    this.#hashes.delete(hash);
    this.#hashes.add(hash);
    for (const oldest of this.#hashes) {
      if (this.#hashes.size <= REMEMBERED) return;
      this.#hashes.delete(oldest);
    }
  }

  delete(hash: Sha256): void {
    this.#hashes.delete(hash);
  }
}
