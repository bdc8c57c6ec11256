import type { ClientApp, Execution, ExecutionState, Finding } from '../../src/ports/execution-state.ts';

/** Reports the state of every client app that the test sets: `unknown` until the first `set`. */
export class FakeExecutionState implements ExecutionState {
  readonly #findings = new Map<string, Execution>();
  readonly #watchers = new Set<{ readonly app: string; readonly changed: () => void }>();
  #finding: Execution;

  constructor(finding: Execution = 'unknown') {
    this.#finding = finding;
  }

  /** The number of open watches. */
  get watching(): number {
    return this.#watchers.size;
  }

  /** Sets the state of `app`, or of all apps, and calls the watchers after a change. */
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

  /** The result of `findings` for every app: the reason of an unknown state, or the pods that never see a new token. */
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
