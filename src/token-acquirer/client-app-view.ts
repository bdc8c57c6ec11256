import type { Execution } from '../core/policies.ts';
import type { Ms } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExecutionState } from '../ports/execution-state.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

/** How long an allowed reissue call counts as a sign that the client app runs. */
const CALL_COUNTS: Ms = 60_000;
/** How long the first look at a client app may take before it is told that its state is unknown. */
const FIRST_LOOK: Ms = 5000;

export interface ClientAppViewDependencies {
  readonly clock: Clock;
  readonly execution: ExecutionState;
  readonly status: TokenStatus;
}

/** What one token knows of its client app, and tells of it. */
export class ClientAppView {
  readonly #dependencies: ClientAppViewDependencies;
  #lastCall = Number.NEGATIVE_INFINITY;
  #unknownSince: Ms | undefined;
  #warned = false;

  constructor(dependencies: ClientAppViewDependencies) {
    this.#dependencies = dependencies;
  }

  /** Whether an allowed client called within the last minute. */
  get calling(): boolean {
    return this.#now() - this.#lastCall < CALL_COUNTS;
  }

  /** How long the first look at the client app may still take; nought once it has been looked at, or has called. */
  get unlookedFor(): Ms {
    if (this.#unknownSince === undefined || this.#warned || this.calling) return 0;
    return Math.max(0, this.#unknownSince + FIRST_LOOK - this.#now());
  }

  /** An allowed client called: it runs. */
  called(): void {
    this.#lastCall = this.#now();
  }

  /** Looks at it, and tells what has changed. */
  observe({ clientApp, identity }: TokenSpecification): Execution {
    if (clientApp === undefined) return 'running';
    const { execution: state, status } = this.#dependencies;
    const execution = state.observe(clientApp);
    const warnings = state.warnings(clientApp, identity).join(' ');
    const known = execution !== 'unknown';
    const now = this.#now();
    this.#warned = warnings !== '';
    this.#unknownSince = known ? undefined : (this.#unknownSince ?? now);
    // Nothing is wrong yet: it has not been looked at.
    if (this.#unknownSince !== undefined && warnings === '' && now - this.#unknownSince < FIRST_LOOK) return execution;
    const unknown = `It cannot be told whether the client app is running; acquisition goes on.${warnings && ` ${warnings}`}`;
    const reason = known ? 'Observed' : 'ExecutionStateUnknown';
    const changed = status.set('ExecutionStateKnown', known, reason, known ? '' : unknown);
    if (changed && !known) status.emit({ kind: 'execution-state-unknown', message: unknown });
    if (known) this.#tellPods(warnings);
    return execution;
  }

  #tellPods(warnings: string): void {
    const { status } = this.#dependencies;
    const well = warnings === '';
    const changed = status.set('PodsFollow', well, well ? 'NoneLeftBehind' : 'PodsLeftBehind', warnings);
    if (changed && !well) status.emit({ kind: 'pods-left-behind', message: warnings });
  }

  #now(): Ms {
    return this.#dependencies.clock.monotonic();
  }
}
