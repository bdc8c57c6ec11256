import type { AccessToken, AccessTokenStatus } from '../../core/access-token.ts';
import { messageOf } from '../../core/errors.ts';
import { oneAtATime } from '../../core/one-at-a-time.ts';
import type { Ms } from '../../core/token.ts';
import type { AccessTokens } from '../../ports/access-tokens.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

/** The status that an AccessToken should have. */
export interface StatusToReport {
  readonly resource: AccessToken;
  readonly status: AccessTokenStatus;
}

export interface StatusReportsDependencies {
  readonly clock: Pick<Clock, 'wait'>;
  readonly resources: Pick<AccessTokens, 'report'>;
  readonly telemetry: Pick<Telemetry, 'process'>;
  /** Returns what to report; `undefined` where this process does not report the status. */
  readonly statusOf: (key: string) => StatusToReport | undefined;
}

/** Changes that come together are one report. */
const GATHERING: Ms = 50;
/** Between attempts to write a status. */
const TRY_AGAIN: Ms = 10_000;

interface Report {
  readonly text: string;
  /** What the API server had then. */
  readonly resource: AccessToken;
}

/** Writes the statuses of AccessTokens, which it knows by a key each, where they differ from what the API server has. */
export class StatusReports {
  readonly #dependencies: StatusReportsDependencies;
  readonly #report = oneAtATime(() => this.#reportAll());
  readonly #stopping = new AbortController();
  readonly #reports = new Map<string, Report>();
  /** Whose status may be another one now. */
  readonly #dirty = new Set<string>();
  /** Whose status could not be written a moment ago. */
  readonly #unwritable = new Set<string>();
  /** Why the status could not be written: reported once, because attempts go on. */
  readonly #faults = new Map<string, string>();
  #isWaiting = false;

  constructor(dependencies: StatusReportsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Its status may be another one now. */
  changed(key: string): void {
    this.#dirty.add(key);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#after(GATHERING, () => {
      this.#isWaiting = false;
      void this.#report();
    });
  }

  /** Forgets all others. */
  keep(there: { has(key: string): boolean }): void {
    for (const known of [this.#reports, this.#faults])
      for (const key of known.keys()) if (!there.has(key)) known.delete(key);
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #reportAll(): Promise<void> {
    const keys = [...this.#dirty];
    this.#dirty.clear();
    await Promise.all(keys.map((key) => this.#reportOne(key)));
  }

  async #reportOne(key: string): Promise<void> {
    const { resources, telemetry, statusOf } = this.#dependencies;
    const report = statusOf(key);
    if (report === undefined) return;
    const { resource, status } = report;
    const text = JSON.stringify(status);
    const last = this.#reports.get(key);
    if (text === JSON.stringify(resource.status) || (last?.text === text && last.resource === resource)) return;
    if (this.#unwritable.has(key)) return;
    this.#reports.set(key, { text, resource });
    try {
      await resources.report(resource, status);
      this.#faults.delete(key);
    } catch (error) {
      this.#reports.delete(key);
      const message = messageOf(error);
      if (this.#faults.get(key) !== message) telemetry.process({ kind: 'warning', message });
      this.#faults.set(key, message);
      // The others do not wait for it. Until then, what happens to the token leads to no further attempt.
      this.#unwritable.add(key);
      this.#after(TRY_AGAIN, () => {
        this.#unwritable.delete(key);
        this.changed(key);
      });
    }
  }

  #after(time: Ms, act: () => void): void {
    const { signal } = this.#stopping;
    void this.#dependencies.clock.wait(time, signal).then(() => {
      if (!signal.aborted) act();
    });
  }
}
