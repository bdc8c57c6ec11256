import type { Leader, Role } from '../../core/leadership.ts';

export type { Leader, Role } from '../../core/leadership.ts';

/** Which replica works on the tokens of this shard. */
export interface Leadership {
  /** Computed from the clocks at the moment of the question: a process that was paused does not lead by what it knew before. */
  readonly role: Role;
  /** The other replica that leads, where one is known and its Lease has not ended. */
  readonly leader: Leader | undefined;
  /** It did not answer: until it renews its Lease again, `leader` is undefined, so that nobody waits for it. */
  doubt(leader: Leader): void;
  /** Calls back when `role` or `leader` may have changed; the result stops it. */
  watch(changed: () => void): () => void;
}

/** Of a process that has no other replica, such as without a cluster. */
export const SOLE_LEADER: Leadership = {
  role: 'leading',
  leader: undefined,
  doubt: () => undefined,
  watch: () => () => undefined,
};
