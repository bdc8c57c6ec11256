import type { EvidenceCounts } from '../../core/conditions.ts';
import { type LineMatch, type LineTest, needlesOf, readLine } from '../../core/evidence-line.ts';
import type { Ms } from '../../core/token.ts';
import type { AppLogs, LogLine, LogListener, LogState } from '../../ports/app-log.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Evidence } from './evidence.ts';
import { lineTest } from './line-expression.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenCycle } from './token-cycle.ts';

export interface LogEvidenceDependencies {
  readonly clock: Clock;
  /** `undefined` without a cluster. */
  readonly logs?: AppLogs | undefined;
}

/** How long lines may be read in each second. Further lines of that second are passed over. */
const WINDOW: Ms = 1000;
const BUDGET: Ms = 100;

const NO_TEST: LineTest = () => false;
/** One for all tokens whose log is not followed: objects for each weigh on a process with thousands of them. */
const NOTHING = {
  counts: { lines: 0, matches: 0, dropped: 0 },
  window: { began: 0, spent: 0 },
  unfollow: () => undefined,
};

/** Follows the log of one token's client app, where its configuration asks for that. */
export class LogEvidence {
  readonly #cycle: TokenCycle;
  readonly #evidence: Evidence;
  readonly #dependencies: LogEvidenceDependencies;
  #counts = NOTHING.counts;
  #followed = '';
  #unfollow: () => void = NOTHING.unfollow;
  #window = NOTHING.window;

  constructor(cycle: TokenCycle, evidence: Evidence, dependencies: LogEvidenceDependencies) {
    this.#cycle = cycle;
    this.#evidence = evidence;
    this.#dependencies = dependencies;
  }

  /** `undefined` where no log is followed. */
  get counts(): EvidenceCounts | undefined {
    return this.#followed === '' ? undefined : this.#counts;
  }

  /** Follows what the specification in force asks for. */
  follow(): void {
    const wanted = wantedLog(this.#cycle.specification);
    const text = wanted === undefined ? '' : JSON.stringify(wanted);
    if (text === this.#followed) return;
    this.stop();
    const { logs } = this.#dependencies;
    if (wanted === undefined || logs === undefined) return;
    this.#followed = text;
    this.#counts = { ...this.#counts };
    this.#window = { ...NOTHING.window };
    const { match, ...log } = wanted;
    this.#unfollow = logs.follow(log, this.#listener(match));
  }

  stop(): void {
    this.#unfollow();
    this.#unfollow = NOTHING.unfollow;
    this.#followed = '';
    this.#cycle.status.unset('EvidenceFollowed');
  }

  #listener(match: LineMatch): LogListener {
    const test = match.kind === 'expression' ? lineTest(match.expression) : NO_TEST;
    return {
      needles: needlesOf(match),
      line: (line) => this.#read(line, match, test),
      counted: (lines, gaps) => {
        this.#counts.lines += lines;
        this.#counts.dropped += gaps;
      },
      changed: (state) => this.#report(state),
    };
  }

  #read(line: LogLine, match: LineMatch, test: LineTest): void {
    const { clock } = this.#dependencies;
    const began = clock.monotonic();
    if (began - this.#window.began >= WINDOW) this.#window = { began, spent: 0 };
    if (this.#window.spent >= BUDGET) {
      this.#counts.dropped += 1;
      return;
    }
    const found = readLine(line.text, match, test);
    this.#window.spent += clock.monotonic() - began;
    if (found === undefined) return;
    this.#counts.matches += 1;
    const { at, pod, container } = line;
    void this.#evidence.report({ at, rejected: found.rejected }, { by: 'log', pod, container });
  }

  #report({ followed, running, fault }: LogState): void {
    const { status } = this.#cycle;
    if (fault !== undefined) {
      const isPartial = fault.reason === 'LogsExhausted';
      const message = isPartial ? fault.message : `The log of the client app is not followed. ${fault.message}`;
      const changed = status.set('EvidenceFollowed', false, fault.reason, message);
      if (changed) status.emit({ kind: 'evidence-not-followed', message });
    } else if (running !== undefined) {
      const reason = running === 0 ? 'NoPodRuns' : 'LogFollowed';
      status.set('EvidenceFollowed', true, reason, `The log of ${followed} of ${running} running pods is followed.`);
    }
  }
}

function wantedLog({ evidence, clientApp }: TokenSpecification) {
  if (evidence?.log === undefined || clientApp === undefined || !('selector' in clientApp)) return undefined;
  const { namespace, selector } = clientApp;
  return { namespace, selector, ...evidence.log };
}
