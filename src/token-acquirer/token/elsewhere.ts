import { identityText, type SecretReference, type TokenIdentity } from '../../core/token.ts';
import { keysOf } from '../../core/token-volume.ts';
import type { TokenSpecification } from './specification.ts';

/** Tokens of other shards that calls asked for. More of them would weigh on the tokens of this shard. */
const MOST_VISITED = 500;

/** The acts of the acquirer that these tokens need. */
export interface ElsewhereActs<Acquisition> {
  /** Begins a cycle that sleeps, because another shard works on the token. */
  readonly begin: (specification: TokenSpecification) => Acquisition;
  readonly update: (acquisition: Acquisition, specification: TokenSpecification) => void;
  readonly end: (acquisition: Acquisition) => void;
}

/** Tokens that other shards own. This process knows them, so that it can pass calls on, or answer them if nobody else does. */
export class Elsewhere<Acquisition> {
  readonly #acts: ElsewhereActs<Acquisition>;
  readonly #specifications = new Map<string, TokenSpecification>();
  readonly #visited = new Map<string, Acquisition>();

  constructor(acts: ElsewhereActs<Acquisition>) {
    this.#acts = acts;
  }

  has(identity: TokenIdentity): boolean {
    return this.#specifications.has(identityText(identity));
  }

  specification(identity: TokenIdentity): TokenSpecification | undefined {
    return this.#specifications.get(identityText(identity));
  }

  /** Returns the token with a cycle that sleeps. */
  visit(identity: TokenIdentity): Acquisition | undefined {
    const text = identityText(identity);
    const specification = this.#specifications.get(text);
    if (specification === undefined) return undefined;
    const visited = this.#visited.get(text) ?? this.#acts.begin(specification);
    // The last one is the one that was asked for most recently.
    this.#visited.delete(text);
    this.#visited.set(text, visited);
    const [oldest] = this.#visited;
    if (this.#visited.size > MOST_VISITED && oldest !== undefined) this.#leave(...oldest);
    return visited;
  }

  /** Other shards own these tokens now. */
  set(specifications: readonly TokenSpecification[]): void {
    this.#specifications.clear();
    for (const specification of specifications)
      this.#specifications.set(identityText(specification.identity), specification);
    for (const [text, visited] of Array.from(this.#visited)) {
      const specification = this.#specifications.get(text);
      if (specification === undefined) this.#leave(text, visited);
      else this.#acts.update(visited, specification);
    }
  }

  /** Whether one of them has this key in the Secret. */
  hasKey(secret: SecretReference, key: string): boolean {
    return [...this.#specifications.values()].some(
      (specification) =>
        specification.identity.namespace === secret.namespace &&
        specification.identity.secret === secret.secret &&
        keysOf(specification).includes(key),
    );
  }

  /** Ends the cycles. */
  clear(): void {
    for (const [text, visited] of Array.from(this.#visited)) this.#leave(text, visited);
  }

  #leave(text: string, visited: Acquisition): void {
    this.#visited.delete(text);
    this.#acts.end(visited);
  }
}
