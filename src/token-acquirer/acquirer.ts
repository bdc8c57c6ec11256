import { identityText, type TokenIdentity } from '../core/token.ts';
import { Reissues } from './reissues.ts';
import type { TokenSpecification } from './specification.ts';
import { type Dependencies, TokenCycle } from './token-cycle.ts';

export interface Acquisition {
  readonly cycle: TokenCycle;
  readonly reissues: Reissues;
  readonly running: Promise<void>;
}

/** All tokens of one process: begins, changes and ends their cycles as the configuration says. */
export class Acquirer {
  readonly #dependencies: Dependencies;
  readonly #acquisitions = new Map<string, Acquisition>();
  readonly #ending = new Set<Promise<void>>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  get acquisitions(): Iterable<Acquisition> {
    return this.#acquisitions.values();
  }

  find(identity: TokenIdentity): Acquisition | undefined {
    return this.#acquisitions.get(identityText(identity));
  }

  /** Makes the running cycles those of `specifications`. What a removed token had stored is taken away. */
  apply(specifications: readonly TokenSpecification[]): void {
    const wanted = new Map(
      specifications.map((specification) => [identityText(specification.identity), specification]),
    );
    for (const [identity, acquisition] of this.#acquisitions) {
      if (wanted.has(identity)) continue;
      this.#acquisitions.delete(identity);
      this.#end(acquisition);
    }
    for (const [identity, specification] of wanted) {
      const present = this.#acquisitions.get(identity);
      if (present === undefined) this.#acquisitions.set(identity, this.#begin(specification));
      else present.cycle.update(specification);
    }
  }

  /** Ends all cycles, and resolves when none is at work any more. Nothing stored is taken away. */
  async stop(): Promise<void> {
    for (const { cycle } of this.#acquisitions.values()) cycle.stop();
    await Promise.all([...this.#acquisitions.values()].map(({ running }) => running));
    await Promise.all(this.#ending);
  }

  #begin(specification: TokenSpecification): Acquisition {
    const cycle = new TokenCycle(specification, this.#dependencies);
    return { cycle, reissues: new Reissues(cycle, this.#dependencies.clock), running: cycle.run() };
  }

  #end({ cycle, running }: Acquisition): void {
    cycle.stop();
    const ended = running.then(async () => {
      await cycle.remove();
      this.#dependencies.telemetry.forget(cycle.specification.identity);
    });
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }
}
