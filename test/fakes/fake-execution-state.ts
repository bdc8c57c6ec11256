import type { ClientApp, Execution, ExecutionState, Finding } from '../../src/ports/execution-state.ts';

/** Says of every client app what the test says: `unknown` until the first `set`. */
export class FakeExecutionState implements ExecutionState {
  readonly #findings = new Map<string, Execution>();
  readonly #watchers = new Set<{ readonly app: string; readonly changed: () => void }>();
  #finding: Execution;

  constructor(finding: Execution = 'unknown') {
    this.#finding = finding;
  }

  /** How many watches are open. */
  get watching(): number {
    return this.#watchers.size;
  }

  /** From now on this is found of `app`, or of all of them; watchers hear of it where it is a change. */
  set(finding: Execution, app?: ClientApp): void {
    const before = new Map([...this.#watchers].map((watcher) => [watcher, this.#of(watcher.app)]));
    if (app === undefined) {
      this.#finding = finding;
      this.#findings.clear();
    } else {
      this.#findings.set(JSON.stringify(app), finding);
    }
    for (const [watcher, old] of before) if (this.#of(watcher.app) !== old) watcher.changed();
  }

  observe(app: ClientApp): Execution {
    return this.#of(JSON.stringify(app));
  }

  /** What `findings` says of every app: why its state is unknown, or else which pods never see a new token. */
  sentences: readonly string[] = [];
  /** Further findings about every app. */
  furtherFindings: readonly Finding[] = [];

  findings(app: ClientApp): readonly Finding[] {
    const condition = this.observe(app) === 'unknown' ? 'ExecutionStateKnown' : 'PodsFollow';
    const unhealthy = this.sentences.map((message) => ({ condition, healthy: false, message }) as const);
    return [...this.furtherFindings, ...unhealthy];
  }

  watch(app: ClientApp, changed: () => void): () => void {
    const watcher = { app: JSON.stringify(app), changed };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #of(app: string): Execution {
    return this.#findings.get(app) ?? this.#finding;
  }
}
