import type { Role } from '../../core/leadership.ts';
import type { SecretReference } from '../../core/token.ts';
import type { Leadership } from '../leadership/leadership.ts';
import type { ShardHandover } from './shard-handover.ts';

/**
 * Who works on a token of this shard. A process that gained the token waits for the shard that had it, and does not give it away
 * again because another shard acts on something else: otherwise two shards could wait for each other.
 */
export class TokenOwner implements Pick<Leadership, 'role'> {
  readonly #secret: SecretReference;
  readonly #leadership: Pick<Leadership, 'role'>;
  readonly #shards: ShardHandover;
  #isSettled = false;

  constructor(secret: SecretReference, leadership: Pick<Leadership, 'role'>, shards: ShardHandover) {
    this.#secret = secret;
    this.#leadership = leadership;
    this.#shards = shards;
  }

  /** The shard that still works on the token. */
  get formerOwner(): number | undefined {
    if (this.#isSettled) return undefined;
    const former = this.#shards.formerOwnerOf(this.#secret);
    if (former === undefined && this.#shards.hasLooked) this.#isSettled = true;
    return former;
  }

  /**
   * While another shard has the token, this one follows. After a long time it helps, as where nobody is elected: it stands back by
   * chance and reads the Secret first, so that nothing is requested twice and nothing is left undone.
   */
  get role(): Role {
    const { role } = this.#leadership;
    const former = this.formerOwner;
    if (former === undefined) return role;
    return role === 'leading' && this.#shards.isLate(former) ? 'unelected' : 'following';
  }
}
