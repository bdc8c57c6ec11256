import { fairShares } from '../../../core/fair-shares.ts';

/** One of those that share the places. */
export interface Sharer {
  /** Its share has changed, or a place is free. */
  look(): void;
}

interface Holding {
  wanted: number;
  share: number;
  /** Whether there was no place when it wanted one. */
  isWaiting: boolean;
}

/** The log streams that the process may have, shared fairly among client apps. */
export class LogPlaces {
  readonly most: number;
  readonly #holdings = new Map<Sharer, Holding>();
  #taken = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** Returns how many places the sharer may have. The others hear of what that changes for them. */
  want(sharer: Sharer, wanted: number): number {
    const holding = this.#holdings.get(sharer) ?? { wanted: 0, share: 0, isWaiting: false };
    this.#holdings.set(sharer, holding);
    if (holding.wanted !== wanted) {
      holding.wanted = wanted;
      this.#share(sharer);
    }
    return holding.share;
  }

  /** The sharer wants no more places. It gives back those that it has taken. */
  leave(sharer: Sharer): void {
    if (this.#holdings.delete(sharer)) this.#share(sharer);
  }

  /** Returns whether there was a place. A share may be larger than what is free until others have given places back. */
  take(sharer: Sharer): boolean {
    const isFree = this.#taken < this.most;
    if (isFree) this.#taken += 1;
    const holding = this.#holdings.get(sharer);
    if (holding !== undefined && !isFree) holding.isWaiting = true;
    return isFree;
  }

  giveBack(sharer: Sharer): void {
    this.#taken -= 1;
    for (const [other, holding] of Array.from(this.#holdings)) {
      if (other !== sharer && !holding.isWaiting) continue;
      holding.isWaiting = false;
      other.look();
    }
  }

  #share(by: Sharer): void {
    const holdings = Array.from(this.#holdings);
    const wants = holdings.map(([, { wanted }]) => wanted);
    const shares = fairShares(wants, this.most);
    const changed = holdings.filter(([, { share }], index) => share !== shares[index]);
    for (const [index, [, holding]] of holdings.entries()) holding.share = shares[index] ?? 0;
    for (const [sharer] of changed) if (sharer !== by) sharer.look();
  }
}
