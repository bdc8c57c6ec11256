import type { EvidenceSource, ReissueResult } from '../../core/events.ts';
import {
  type EvidenceState,
  evidenceLedTo,
  evidencePaused,
  NO_EVIDENCE,
  type Published,
  type Report,
  type Weighing,
  weigh,
} from '../../core/evidence.ts';
import type { EpochMs, Ms, Sha256 } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Reissue, Reissues } from './reissues.ts';
import type { Manner } from './stand-in.ts';
import type { TokenCycle } from './token-cycle.ts';
import type { Admission } from './token-requests.ts';

export interface EvidenceDependencies {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** What became of a report. `started`: it counts, and a reissue goes on. */
export type Reported = { readonly kind: 'ignored' | 'started' } | { readonly kind: 'denied'; readonly retryAfter: Ms };

/** The last report that counted. */
export interface LastEvidence {
  readonly at: EpochMs;
  readonly source: EvidenceSource['by'];
  readonly result: ReissueResult;
}

/** How a report is taken. */
interface Reporting {
  readonly admission?: Admission | undefined;
  /** Left out: this replica renews the token. */
  readonly manner?: Manner | undefined;
}

type Counted = Extract<Weighing, { kind: 'count' }>;

/** A report from here counts without a limit: that of the token is enough. */
const FREE: Admission = () => Promise.resolve(undefined);
const IGNORED: Promise<Reported> = Promise.resolve({ kind: 'ignored' });

/** Reports about one token by others than its clients, under the same guards as their calls. */
export class Evidence {
  readonly #cycle: TokenCycle;
  readonly #reissues: Reissues;
  readonly #dependencies: EvidenceDependencies;
  #state: EvidenceState = NO_EVIDENCE;
  #last: LastEvidence | undefined;

  constructor(cycle: TokenCycle, reissues: Reissues, dependencies: EvidenceDependencies) {
    this.#cycle = cycle;
    this.#reissues = reissues;
    this.#dependencies = dependencies;
  }

  get last(): LastEvidence | undefined {
    return this.#last;
  }

  /** Resolves once it is clear whether the report counts; the reissue goes on. Never rejects. */
  report(report: Report, source: EvidenceSource, { admission = FREE, manner }: Reporting = {}): Promise<Reported> {
    const { clock } = this.#dependencies;
    const at = Math.min(report.at, clock.now());
    const weighing = weigh({ ...report, at }, this.#published(), this.#state, clock.monotonic());
    if (weighing.kind === 'ignore') return IGNORED;
    const before = this.#state;
    this.#state = weighing.state;
    return this.#admit(weighing, before, { source, admission, manner });
  }

  async #admit(
    { rejected, state }: Counted,
    before: EvidenceState,
    { source, admission, manner }: { source: EvidenceSource; admission: Admission; manner: Manner | undefined },
  ): Promise<Reported> {
    const denied = await admission();
    if (denied === undefined) {
      void this.#reissue(rejected, source, manner);
      return { kind: 'started' };
    }
    // An earlier report may have led to a token in the meantime, which must not be forgotten.
    if (this.#state === state) this.#state = before;
    this.#tell(rejected, source, { result: 'rate_limited', took: 0 });
    return { kind: 'denied', retryAfter: denied.retryAfter };
  }

  async #reissue(rejected: Sha256, source: EvidenceSource, manner: Manner | undefined): Promise<void> {
    const { clock } = this.#dependencies;
    const began = clock.monotonic();
    const reissue = await this.#reissues.reissue(rejected, FREE, {
      isClient: source.by === 'log',
      ...(source.by === 'gateway' && { trace: source.call.trace }),
      ...(manner !== undefined && { manner }),
    });
    const now = clock.monotonic();
    this.#state = stateAfter(this.#state, reissue, now);
    this.#tell(rejected, source, { result: reissue.result, took: now - began });
  }

  #tell(rejected: Sha256, source: EvidenceSource, { result, took }: { result: ReissueResult; took: Ms }): void {
    const { clock, telemetry } = this.#dependencies;
    const { identity, authorizationServer: server } = this.#cycle.specification;
    this.#last = { at: clock.now(), source: source.by, result };
    telemetry.process({ kind: 'evidence', identity, server, source, result, rejected, took });
  }

  #published(): Published | undefined {
    const { held, volumes } = this.#cycle;
    const { token, writtenAt, specification } = held;
    if (token === undefined) return undefined;
    return { token, writtenAt, followedBy: volumes.followedBy(specification) };
  }
}

function stateAfter(state: EvidenceState, reissue: Reissue, now: Ms): EvidenceState {
  if (!('token' in reissue)) return evidencePaused(state, now, reissue.retryAfter);
  return reissue.result === 'newer' ? state : evidenceLedTo(state, reissue.token.sha256);
}
