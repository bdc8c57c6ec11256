import { StoreError } from '../core/errors.ts';
import { LOOK_AT_MARK, markOf, NO_OTHERS, noted, type OtherWriters, othersAt, podIn } from '../core/other-writers.ts';
import type { Clock } from '../ports/clock.ts';
import type { ProcessMark } from '../ports/process-mark.ts';
import type { Random } from '../ports/random.ts';
import type { ProcessStatus } from './endpoints/process-status.ts';
import type { Others } from './token/others.ts';

export interface OtherAcquirersOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly mark: ProcessMark;
  /** Name of this process's pod, or machine. */
  readonly pod: string;
  readonly status: ProcessStatus;
  /** Name of the Deployment, for the command that fixes it. */
  readonly deployment: string;
  /** Whether rotated refresh tokens are kept where the mark is. */
  readonly needsState: () => boolean;
}

/**
 * Finds other token-acquirers with the same state: there is to be one. They are two after `kubectl scale`, by a
 * HorizontalPodAutoscaler, or on a node that is not known to be dead. Then the first by name renews, and the others stand
 * back, so that no token is requested twice.
 */
export class OtherAcquirers implements Others {
  readonly #options: OtherAcquirersOptions;
  readonly #own: string;
  #others: OtherWriters = NO_OTHERS;
  #marks: readonly string[] = [];

  constructor(options: OtherAcquirersOptions) {
    this.#options = options;
    this.#own = markOf(options.pod, options.random.fraction());
  }

  get pods(): readonly string[] {
    return this.#marks.map(podIn);
  }

  get standsBack(): boolean {
    const [first] = this.#marks;
    return first !== undefined && first < this.#own;
  }

  /** Runs until `stop` aborts. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#look(stop);
      await this.#options.clock.wait(LOOK_AT_MARK, stop);
    }
  }

  async #look(stop: AbortSignal): Promise<void> {
    const { mark, clock } = this.#options;
    try {
      const found = await mark.read();
      if (stop.aborted) return;
      this.#others = noted(this.#others, found, this.#own, clock.monotonic());
      if (found !== this.#own) await mark.write(this.#own);
      this.#others = { ...this.#others, marked: true };
      this.#reportState(undefined);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#reportState(error);
    }
    this.#marks = othersAt(this.#others, clock.monotonic());
    this.#reportOthers();
  }

  #reportOthers(): void {
    const { status, mark, deployment } = this.#options;
    const { namespace } = mark.place;
    const [pod] = this.pods;
    if (pod === undefined)
      return status.report('OnlyWriter', { status: true, reason: 'Alone', message: 'It is the only token-acquirer.' });
    const names = this.pods.join(', ');
    status.report(
      'OnlyWriter',
      {
        status: false,
        reason: 'AnotherTokenAcquirer',
        message: `Another token-acquirer runs with the same state and tokens: pod ${names} of the namespace ${namespace}. Run one only: remove any HorizontalPodAutoscaler, then kubectl --namespace ${namespace} scale deployment ${deployment} --replicas=1. If its node is down, run: kubectl --namespace ${namespace} delete pod ${pod} --force.`,
      },
      mark.place,
    );
  }

  /** Where nothing is kept in it, it may be missing. */
  #reportState(error: StoreError | undefined): void {
    const { status, needsState, mark } = this.#options;
    if (!needsState()) {
      if (status.isUnhealthy('StateStored'))
        status.report('StateStored', {
          status: true,
          reason: 'NotNeeded',
          message: 'No token keeps anything in the state.',
        });
    } else if (error === undefined) {
      status.report('StateStored', { status: true, reason: 'Readable', message: 'The state can be read.' });
    } else if (error.permanent) {
      const message = `${error.message} Do not restart the token-acquirer before: rotated refresh tokens are only in its memory, and are stored again with their next use.`;
      status.report('StateStored', { status: false, reason: 'StateUnavailable', message }, mark.place);
    }
  }
}
