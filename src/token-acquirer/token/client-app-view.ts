import type { Execution } from '../../core/policies.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ClientApp, ExecutionState, Finding } from '../../ports/execution-state.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

/** How long an allowed reissue call counts as a sign that the client app runs. */
const CALL_COUNTS: Ms = 60_000;
/** How long the first look at a client app may take before its state is reported as unknown. */
const FIRST_LOOK: Ms = 5000;

const POD_CONDITIONS = [
  { condition: 'SelectorMatches', healthy: 'NoPodMissed', unhealthy: 'NoPodSelected', event: 'pods-not-selected' },
  { condition: 'PodsFollow', healthy: 'NoneLeftBehind', unhealthy: 'PodsLeftBehind', event: 'pods-left-behind' },
] as const;

/** The conditions of a client app, which do not exist where the configuration names none. */
const CONDITIONS = ['ExecutionStateKnown', ...POD_CONDITIONS.map(({ condition }) => condition)] as const;

export interface ClientAppViewDependencies {
  readonly clock: Clock;
  readonly execution: ExecutionState;
  readonly status: TokenStatus;
}

/** What one token knows of its client app, and reports about it. */
export class ClientAppView {
  readonly #dependencies: ClientAppViewDependencies;
  #lastCall = Number.NEGATIVE_INFINITY;
  #unknownSince: Ms | undefined;
  #warned = false;

  constructor(dependencies: ClientAppViewDependencies) {
    this.#dependencies = dependencies;
  }

  /** Whether an allowed client called within the last minute. */
  get hasCalled(): boolean {
    return this.#now() - this.#lastCall < CALL_COUNTS;
  }

  /** How long the first look at the client app may still take; 0 once there was one, or once it called. */
  get firstLookIn(): Ms {
    if (this.#unknownSince === undefined || this.#warned || this.hasCalled) return 0;
    return Math.max(0, this.#unknownSince + FIRST_LOOK - this.#now());
  }

  /** An allowed client called: it runs. */
  called(): void {
    this.#lastCall = this.#now();
  }

  /** Observes the client app, and reports what has changed. */
  observe({ clientApp, identity }: TokenSpecification): Execution {
    const { execution: state, status } = this.#dependencies;
    if (clientApp === undefined) {
      for (const type of CONDITIONS) status.unset(type);
      return 'running';
    }
    const execution = state.observe(clientApp);
    const findings = state.findings(clientApp, identity);
    const warnings = findings.filter(({ healthy }) => !healthy);
    const known = execution !== 'unknown';
    const now = this.#now();
    this.#warned = warnings.length > 0;
    this.#unknownSince = known ? undefined : (this.#unknownSince ?? now);
    // Nothing is wrong yet: the first look is still to come.
    if (this.#unknownSince !== undefined && !this.#warned && now - this.#unknownSince < FIRST_LOOK) return execution;
    const because = messageFor('ExecutionStateKnown', warnings);
    const unknown = `It is not known whether the client app is running; acquisition goes on.${because && ` ${because}`}`;
    const reason = known ? 'Observed' : 'ExecutionStateUnknown';
    const changed = status.set('ExecutionStateKnown', known, reason, known ? '' : unknown);
    if (changed && !known) status.emit({ kind: 'execution-state-unknown', message: unknown });
    if (known) this.#reportPods(findings);
    return execution;
  }

  #reportPods(all: readonly Finding[]): void {
    const { status } = this.#dependencies;
    for (const { condition, healthy, unhealthy, event } of POD_CONDITIONS) {
      const findings = all.filter((finding) => finding.condition === condition);
      const isHealthy = findings.every((finding) => finding.healthy);
      const message = messageFor(condition, findings);
      const reason = findings[0]?.reason ?? (isHealthy ? healthy : unhealthy);
      const changed = status.set(condition, isHealthy, reason, message);
      if (changed && !isHealthy) status.emit({ kind: event, message });
    }
  }

  #now(): Ms {
    return this.#dependencies.clock.monotonic();
  }
}

function messageFor(condition: Finding['condition'], findings: readonly Finding[]): string {
  return findings
    .filter((finding) => finding.condition === condition)
    .map(({ message }) => message)
    .join(' ');
}

/** Returns why a client app counts as stopped, and what would count as running. */
export function absenceOf(clientApp: ClientApp | undefined): string {
  if (clientApp === undefined) return 'The client app is not running.';
  if ('healthUrl' in clientApp) return `Nothing answers at the health URL ${clientApp.healthUrl} of the client app.`;
  if ('pidFile' in clientApp) return `No client app runs with the process ID in the file ${clientApp.pidFile}.`;
  const { namespace, selector, secret } = clientApp;
  const users = secret === undefined ? '' : `, and none uses the Secret ${secret}`;
  return `No pod in the namespace ${namespace} that is Pending or Running matches the selector ${selector}${users}.`;
}
