import type { Ms, SecretReference } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { AppPods, Execution, Finding } from '../../../ports/execution-state.ts';
import { frozenWarnings, isRunning, type PodFacts, selectionSentence, unselectedWarning, uses } from './pod-facts.ts';
import type { PodWatch, PodWatches } from './pod-watch.ts';

export interface ClientPodsOptions {
  readonly clock: Pick<Clock, 'wait'>;
}

/** Pods use the Secret that the selector misses. */
interface Missed {
  /** Whether they have for long enough to be reported. */
  settled: boolean;
  readonly forget: AbortController;
}

/** The two watches show a new pod at different moments. A pod that the selector misses for longer is reported. */
const SETTLING: Ms = 5000;

/**
 * Follows the pods of one client app. While the selector selects a running pod, nothing else is watched. Otherwise all
 * pods of the namespace are, to find those that use the token Secret: the API server cannot select pods by their volumes.
 */
export class ClientPods {
  readonly listeners = new Set<() => void>();
  readonly #app: AppPods;
  readonly #clock: ClientPodsOptions['clock'];
  readonly #selected: PodWatch;
  readonly #all: PodWatch;
  readonly #unsubscribe: () => void;
  #leaveAll: (() => void) | undefined;
  #execution: Execution = 'unknown';
  #told = '';
  #missed: Missed | undefined;

  constructor(watches: PodWatches, app: AppPods, { clock }: ClientPodsOptions) {
    this.#app = app;
    this.#clock = clock;
    this.#selected = watches.get(app.namespace, app.selector);
    this.#all = watches.get(app.namespace, '');
    this.#unsubscribe = this.#selected.subscribe(() => this.#look());
    this.#look();
  }

  get execution(): Execution {
    return this.#execution;
  }

  close(): void {
    this.#unsubscribe();
    this.#followAll(false);
    this.#forget();
  }

  findings({ namespace, secret }: SecretReference): readonly Finding[] {
    if (this.#execution === 'unknown') {
      const because = this.#selected.pods() === undefined ? this.#selected.because : this.#all.because;
      return because === '' ? [] : [{ condition: 'ExecutionStateKnown', healthy: false, message: because }];
    }
    const selection = this.#selection(secret);
    if (namespace !== this.#app.namespace) return [selection];
    const frozen = frozenWarnings(this.#usersOrSelected(), secret);
    return [selection, ...frozen.map((message): Finding => ({ condition: 'PodsFollow', healthy: false, message }))];
  }

  /** A condition with the reason `PodsNotJudged` may become false within some seconds. */
  #selection(secret: string): Finding {
    const condition = 'SelectorMatches';
    const unselected = this.#unselected();
    if (this.#missed?.settled === true) {
      const message = unselectedWarning({ ...this.#app, secret }, unselected);
      return { condition, healthy: false, message };
    }
    const count = (this.#selected.pods() ?? []).filter((pod) => isRunning(pod) && !pod.isTest).length;
    const reason = count > 0 ? 'PodsSelected' : unselected.length > 0 ? 'PodsNotJudged' : 'NoPodRuns';
    return { condition, healthy: true, reason, message: selectionSentence(this.#app, count) };
  }

  #look(): void {
    const selected = this.#selected.pods();
    if (selected !== undefined) {
      const isSelected = selected.some(isRunning);
      this.#followAll(!isSelected && this.#app.secret !== undefined);
      this.#execution = isSelected ? 'running' : this.#executionOfOthers();
    } else {
      this.#execution = 'unknown';
    }
    this.#note();
    this.#tell();
  }

  /** Until all pods of the namespace have been read, what was found before stays. */
  #executionOfOthers(): Execution {
    if (this.#leaveAll === undefined) return 'stopped';
    if (this.#all.pods() === undefined) return this.#all.because === '' ? this.#execution : 'unknown';
    return this.#users().length > 0 ? 'running' : 'stopped';
  }

  #followAll(wanted: boolean): void {
    if (wanted) this.#leaveAll ??= this.#all.subscribe(() => this.#look());
    if (wanted || this.#leaveAll === undefined) return;
    this.#leaveAll();
    this.#leaveAll = undefined;
  }

  #users(): readonly PodFacts[] {
    const { secret } = this.#app;
    if (secret === undefined || this.#leaveAll === undefined) return [];
    return (this.#all.pods() ?? []).filter((pod) => isRunning(pod) && uses(pod, secret));
  }

  #usersOrSelected(): readonly PodFacts[] {
    return this.#leaveAll === undefined ? (this.#selected.pods() ?? []) : this.#users();
  }

  /** Pods that are not the app's by the selector; those of `helm test` never are. */
  #unselected(): readonly PodFacts[] {
    return this.#users().filter((pod) => !pod.isTest);
  }

  #note(): void {
    const isMissed = this.#execution === 'running' && this.#unselected().length > 0;
    if (isMissed) this.#missed ??= this.#settle();
    else this.#forget();
  }

  #settle(): Missed {
    const missed = { settled: false, forget: new AbortController() };
    void this.#clock.wait(SETTLING, missed.forget.signal).then(() => {
      missed.settled = !missed.forget.signal.aborted;
      this.#tell();
    });
    return missed;
  }

  #forget(): void {
    this.#missed?.forget.abort();
    this.#missed = undefined;
  }

  /** Calls back where something that can be observed has changed. */
  #tell(): void {
    const unselected = this.#missed?.settled === true ? this.#unselected() : [];
    const told = JSON.stringify([this.#execution, unselected.map(({ uid }) => uid)]);
    if (told === this.#told) return;
    this.#told = told;
    for (const listener of Array.from(this.listeners)) listener();
  }
}
