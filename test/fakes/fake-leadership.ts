import type { Leader, Leadership, Role } from '../../src/token-acquirer/leadership/leadership.ts';

/** A leadership that a test sets. */
export class FakeLeadership implements Leadership {
  readonly doubted: Leader[] = [];
  leader: Leader | undefined;
  #role: Role;
  readonly #watchers = new Set<() => void>();

  constructor(role: Role = 'leading') {
    this.#role = role;
  }

  get role(): Role {
    return this.#role;
  }

  doubt(leader: Leader): void {
    this.doubted.push(leader);
    if (this.leader?.address === leader.address) this.leader = undefined;
  }

  watch(changed: () => void): () => void {
    const watcher = (): void => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  become(role: Role, leader?: Leader): void {
    this.#role = role;
    this.leader = leader;
    for (const watcher of Array.from(this.#watchers)) watcher();
  }
}
