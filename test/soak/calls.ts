import { type CallContext, type Cause, causeOf, type Disturbed } from './causes.ts';
import type { FailedCalls } from './observed.ts';
import type { CallerReport, FailedCall } from './parts/caller-messages.ts';
import type { IssuedToken } from './parts/server-messages.ts';
import type { Caller, Town } from './town.ts';

/** The consequences of damage to the files of a token. */
const DAMAGE: ReadonlySet<string> = new Set(['files-damaged', 'keys-deleted', 'volume-deleted']);
const REPAIR = 32_000;
/** Of each cause. */
const EXAMPLES = 5;
/** Reports come every two seconds. */
const LAGS = 15;

/** Collects what the callers report, and says why each failed call failed. */
export class Calls {
  readonly #town: Town;
  readonly #disturbed: readonly Disturbed[];
  readonly #failed = new Map<string, { cause: Cause; by: Caller['by']; calls: number }>();
  readonly #asked = new Set<string>();
  readonly #lags = new Map<string, readonly number[]>();
  readonly counts = { library: 0, reader: 0, failed: 0, slowest: 0, torn: 0 };
  /** Details of those failures that break a rule, and of some others. */
  readonly broken: (FailedCall & { readonly sentence: string })[] = [];
  readonly examples: (FailedCall & { readonly sentence: string })[] = [];

  constructor(town: Town, disturbed: readonly Disturbed[]) {
    this.#town = town;
    this.#disturbed = disturbed;
  }

  get failed(): FailedCalls[] {
    return [...this.#failed.values()]
      .map(({ cause, by, calls }) => ({ ...cause, by, calls }))
      .toSorted((one, other) => other.calls - one.calls);
  }

  /** Asks a caller, unless it has not answered yet: it may be stopped. Returns the delay of its event loop. */
  async collect(caller: Caller, what: 'report' | 'end' = 'report'): Promise<CallerReport['delay'] | undefined> {
    if (this.#asked.has(caller.name)) return undefined;
    this.#asked.add(caller.name);
    const report = await caller.ask(what);
    this.#asked.delete(caller.name);
    this.counts[caller.by] += report.calls;
    this.counts.failed += report.failed.length;
    this.counts.slowest = Math.max(this.counts.slowest, report.slowest);
    this.counts.torn += report.torn.filter((torn) => !this.#wasDamaged(torn)).length;
    this.#lags.set(caller.name, [...(this.#lags.get(caller.name) ?? []), report.delay.max].slice(-LAGS));
    const tokens = new Map<string, Promise<readonly IssuedToken[]>>();
    const tokensOf = (app: string): Promise<readonly IssuedToken[]> => {
      const asked = tokens.get(app) ?? this.#town.askServer<readonly IssuedToken[]>({ what: 'tokens', client: app });
      tokens.set(app, asked);
      return asked;
    };
    for (const call of report.failed)
      this.#note(call, {
        ...this.#contextOf(call, caller, await tokensOf(call.app)),
        lag: this.#lagOf(caller),
      });
    return report.delay;
  }

  /** Of the last half minute: a call that failed may have begun then. */
  #lagOf({ name }: Caller): number {
    return Math.max(0, ...(this.#lags.get(name) ?? []));
  }

  #contextOf({ app }: FailedCall, { by, name }: Caller, tokens: readonly IssuedToken[]): Omit<CallContext, 'lag'> {
    const belonging = this.#town.belongings.get(app);
    if (belonging === undefined) throw new Error(`There is no app ${app}.`);
    const { acquirer } = belonging;
    return {
      by,
      grant: belonging.app.grant,
      acquirer: acquirer.name,
      client: name,
      tokens,
      disturbed: this.#disturbed,
    };
  }

  #note(call: FailedCall, context: CallContext): void {
    const cause = causeOf(call, context);
    if (cause.verdict !== 'documented') this.broken.push({ ...call, sentence: cause.sentence });
    const key = `${context.by} ${cause.verdict} ${cause.sentence}`;
    const noted = this.#failed.get(key) ?? { cause, by: context.by, calls: 0 };
    noted.calls += 1;
    if (noted.calls <= EXAMPLES) this.examples.push({ ...call, sentence: cause.sentence });
    this.#failed.set(key, noted);
  }

  #wasDamaged(torn: { readonly app: string; readonly at: number }): boolean {
    return this.#disturbed.some(
      ({ kind, target, began }) =>
        DAMAGE.has(kind) && target === torn.app && began <= torn.at && torn.at < began + REPAIR,
    );
  }
}
