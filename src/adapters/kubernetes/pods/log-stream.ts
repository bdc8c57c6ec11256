import type { EpochMs, Ms } from '../../../core/token.ts';
import type { LogFault } from '../../../ports/app-log.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { WatchPauses } from '../api/watch-pauses.ts';
import { isAfter, LogLines, type Stamp, stampOf } from './log-lines.ts';
import type { Reader, ReadingBudget } from './reading-budget.ts';

/** A container whose output is followed. */
export interface LogPlace {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface LogStreamOptions {
  readonly clock: Clock;
  readonly random?: Random | undefined;
  /** Of the whole process. */
  readonly budget: ReadingBudget;
  /** Shared by all logs of a client app. */
  readonly reader: Reader;
  /** Lines before it are not read. */
  readonly since: EpochMs;
  /** Whether the line is to be passed on. It is valid during the call only. */
  readonly wanted: (line: Buffer) => boolean;
  readonly line: (at: EpochMs, text: string) => void;
  readonly counted: (lines: number, gaps: number) => void;
  /** `fault` may be another one. */
  readonly changed: () => void;
}

/** So that a removed permission is noticed, and a connection that died silently. */
const REOPENED: Ms = 5 * 60_000;
/** Where the budget is used up, so many bytes of what is too old are read. The rest is left out. */
const CATCH_UP = 1024 * 1024;
const TOO_OLD: Ms = 10_000;
/** Between two looks at a container that may start, for as long after the last news of it: its kubelet reports a start late. */
const QUICKLY: Ms = 500;
const NEWS: Ms = 30_000;
/** How long an API server may be unavailable before that is reported. */
const GRACE: Ms = 30_000;

/** Follows the output of one container, over restarts of the container, its kubelet and the API server. */
export class LogStream {
  readonly #api: ApiServer;
  readonly #place: LogPlace;
  readonly #options: LogStreamOptions;
  readonly #stop = new AbortController();
  readonly #pauses: WatchPauses;
  #wake = new AbortController();
  #since: EpochMs;
  #position: Stamp | undefined;
  #brokenAt: Ms | undefined;
  #fault: LogFault | undefined;
  #finishing = false;
  #newsAt: Ms;
  #behind = 0;

  constructor(api: ApiServer, place: LogPlace, options: LogStreamOptions) {
    this.#api = api;
    this.#place = place;
    this.#options = options;
    this.#since = options.since;
    this.#newsAt = options.clock.monotonic();
    this.#pauses = new WatchPauses(options);
  }

  get fault(): LogFault | undefined {
    return this.#fault;
  }

  /** Runs until `stop`, or until the output has ended after `finish`. Never rejects. */
  async run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      this.#pauses.begun();
      let isEnded = true;
      try {
        await this.#read();
        if (this.#finishing) return;
      } catch (error) {
        isEnded = this.#failed(error);
        if (this.#finishing && statusOf(error) !== undefined) return;
      }
      await clock.wait(this.#pause(isEnded), AbortSignal.any([this.#stop.signal, this.#wake.signal]));
    }
  }

  /** The container has started. */
  wake(): void {
    this.#newsAt = this.#options.clock.monotonic();
    this.#wake.abort();
  }

  /** The pod has ended: what it wrote is read to its end. */
  finish(): void {
    this.#finishing = true;
    this.wake();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #read(): Promise<void> {
    const end = new AbortController();
    const over = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, end.signal]);
    void this.#options.clock.wait(REOPENED, over.signal).then(() => end.abort());
    try {
      const chunks = await this.#api.open(this.#path(), signal);
      this.#pauses.opened();
      this.#recovered();
      const lines = new LogLines();
      const resumed = this.#position;
      for await (const chunk of chunks) {
        const { budget, reader } = this.#options;
        const hasWaited = await budget.spend(reader, chunk.length, () => {
          if (!signal.aborted) this.#take(lines, chunk, resumed);
        });
        if (signal.aborted || (hasWaited && this.#isTooLate(chunk.length))) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      over.abort();
    }
  }

  /** How long to wait before the next look. `isEnded`: nothing failed, but there is nothing to read. */
  #pause(isEnded: boolean): Ms {
    const pause = this.#pauses.ended();
    const isNew = this.#options.clock.monotonic() - this.#newsAt < NEWS;
    return isEnded && isNew ? Math.min(QUICKLY, pause) : pause;
  }

  #path(): string {
    const { namespace, pod, container } = this.#place;
    // The API server counts in whole seconds, so some lines come twice.
    const second = Math.floor((this.#position?.at ?? this.#since) / 1000) * 1000;
    const query = new URLSearchParams({
      container,
      follow: 'true',
      timestamps: 'true',
      sinceTime: new Date(second).toISOString(),
    });
    return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log?${query.toString()}`;
  }

  #take(lines: LogLines, chunk: Buffer, resumed: Stamp | undefined): void {
    const { wanted, line: pass, counted } = this.#options;
    let last: Buffer | undefined;
    const count = lines.push(chunk, (line) => {
      last = line;
      if (!wanted(line)) return;
      const found = stampOf(line);
      if (found === undefined || !isAfter(found.stamp, resumed)) return;
      pass(found.stamp.at, line.toString('utf8', found.length));
    });
    if (count > 0) counted(count, 0);
    this.#newsAt = this.#options.clock.monotonic();
    this.#position = (last && stampOf(last)?.stamp) ?? this.#position;
  }

  /** Returns whether what comes next is too old to be read. */
  #isTooLate(bytes: number): boolean {
    const { clock, counted } = this.#options;
    const isBehind = this.#position !== undefined && this.#position.at < clock.now() - TOO_OLD;
    this.#behind = isBehind ? this.#behind + bytes : 0;
    if (this.#behind < CATCH_UP) return false;
    this.#behind = 0;
    this.#since = clock.now();
    this.#position = undefined;
    counted(0, 1);
    return true;
  }

  #recovered(): void {
    this.#brokenAt = undefined;
    this.#report(undefined);
  }

  /** Returns whether that is no error: the container has not started, or the pod is gone. */
  #failed(error: unknown): boolean {
    const status = statusOf(error);
    if (status === 400 || status === 404) {
      this.#recovered();
      return true;
    }
    const now = this.#options.clock.monotonic();
    this.#brokenAt ??= now;
    if (status !== 403 && now - this.#brokenAt < GRACE) return false;
    const { message } = apiFailure(`The logs of pods in the namespace ${this.#place.namespace} cannot be read`, error);
    this.#report({ reason: status === 403 ? 'LogForbidden' : 'LogUnavailable', message });
    return false;
  }

  #report(fault: LogFault | undefined): void {
    if (fault?.message === this.#fault?.message) return;
    this.#fault = fault;
    this.#options.changed();
  }
}
