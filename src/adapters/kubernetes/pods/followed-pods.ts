import type { Ms } from '../../../core/token.ts';
import type { FollowedLog, LogFault, LogListener, LogState } from '../../../ports/app-log.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import type { ApiServer } from '../api/api-server.ts';
import type { LogPlaces, Sharer } from './log-places.ts';
import { LogStream } from './log-stream.ts';
import { hasEnded, type Output, type PodFacts } from './pod-facts.ts';
import type { PodWatch } from './pod-watch.ts';
import type { Reader, ReadingBudget } from './reading-budget.ts';

/** Pods of one client app. All of them have the same token, so the others would report the same. */
const MOST_PODS = 20;
/** A token-acquirer that was restarted reads what was written in the meantime. */
const BEFORE: Ms = 60_000;

export interface FollowedPodsOptions {
  readonly clock: Clock;
  readonly random?: Random | undefined;
  readonly log: FollowedLog;
  /** For the streams. */
  readonly places: LogPlaces;
  readonly budget: ReadingBudget;
}

interface Wanted {
  readonly key: string;
  readonly pod: string;
  readonly output: Output;
}

interface Followed {
  readonly stream: LogStream;
  readonly pod: string;
  output: Output;
}

/** The pods of one client app, and a stream for each of their containers. */
export class FollowedPods implements Sharer {
  readonly listeners = new Set<LogListener>();
  readonly #api: ApiServer;
  readonly #watch: PodWatch;
  readonly #options: FollowedPodsOptions;
  readonly #streams = new Map<string, Followed>();
  readonly #reader: Reader = { spent: 0 };
  readonly #leave: () => void;
  #wanted = 0;
  #share = 0;

  constructor(api: ApiServer, watch: PodWatch, options: FollowedPodsOptions) {
    this.#api = api;
    this.#watch = watch;
    this.#options = options;
    this.#leave = watch.subscribe(() => this.look());
    this.look();
  }

  get state(): LogState {
    const pods = this.#watch.pods();
    const streams = [...this.#streams.values()];
    const running = pods?.filter((pod) => !hasEnded(pod));
    return {
      followed: new Set(streams.map(({ pod }) => pod)).size,
      running: running?.length,
      fault:
        running === undefined
          ? unknownPods(this.#watch.because)
          : (missingContainer(running, this.#options.log) ??
            streams.map(({ stream }) => stream.fault).find((one) => one !== undefined) ??
            this.#exhausted()),
    };
  }

  close(): void {
    this.#leave();
    this.#options.places.leave(this);
    for (const { stream } of this.#streams.values()) stream.stop();
  }

  look(): void {
    const pods = this.#watch.pods();
    if (pods !== undefined) this.#follow(pods);
    this.#tell();
  }

  #follow(pods: readonly PodFacts[]): void {
    const byUid = new Map(pods.map((pod) => [pod.uid, pod]));
    for (const [key, { stream }] of this.#streams) {
      const pod = byUid.get(uidOf(key));
      if (pod === undefined) stream.stop();
      else if (hasEnded(pod)) stream.finish();
    }
    const wanted = this.#choose(pods);
    this.#wanted = wanted.length;
    this.#share = this.#options.places.want(this, wanted.length);
    for (const { key } of wanted.slice(this.#share)) this.#streams.get(key)?.stream.stop();
    for (const one of wanted.slice(0, this.#share)) this.#followOutput(one);
  }

  /** Pod by pod, so that a small share has each container of some pods. Those that are followed come first, and stay. */
  #choose(pods: readonly PodFacts[]): readonly Wanted[] {
    const { container } = this.#options.log;
    const wanted = pods
      .filter((pod) => !hasEnded(pod))
      .map(({ uid, name, outputs }) =>
        outputs
          .filter((output) => container === undefined || output.container === container)
          .map((output): Wanted => ({ key: `${uid}/${output.container}`, pod: name, output })),
      )
      .filter((outputs) => outputs.length > 0);
    const isFollowed = (outputs: readonly Wanted[]): boolean => outputs.some(({ key }) => this.#streams.has(key));
    return [...wanted.filter(isFollowed), ...wanted.filter((outputs) => !isFollowed(outputs))]
      .slice(0, MOST_PODS)
      .flat();
  }

  #followOutput({ key, pod, output }: Wanted): void {
    const known = this.#streams.get(key);
    if (known === undefined) {
      if (this.#options.places.take(this)) this.#begin(key, pod, output);
      return;
    }
    const { restarts, started } = known.output;
    if (restarts !== output.restarts || started !== output.started) known.stream.wake();
    known.output = output;
  }

  #begin(key: string, pod: string, output: Output): void {
    const { container } = output;
    const { log, places, budget, clock, random } = this.#options;
    const stream = new LogStream(
      this.#api,
      { namespace: log.namespace, pod, container },
      {
        clock,
        random,
        budget,
        reader: this.#reader,
        since: clock.now() - BEFORE,
        wanted: (line) => this.#isWanted(line),
        line: (at, text) => this.#pass({ at, text, pod, container }),
        counted: (lines, gaps) => this.#each((listener) => listener.counted(lines, gaps)),
        changed: () => this.#tell(),
      },
    );
    this.#streams.set(key, { stream, pod, output });
    void stream.run().finally(() => {
      this.#streams.delete(key);
      places.giveBack(this);
    });
  }

  #exhausted(): LogFault | undefined {
    if (this.#share >= this.#wanted) return undefined;
    const { container } = this.#options.log;
    const remedy = container === undefined ? 'Name the container in evidence.log.container, or use' : 'Use';
    const message = `Only ${this.#share} of ${this.#wanted} logs of the client app are followed, because token-acquirer follows ${this.#options.places.most} logs in all. ${remedy} a selector that matches fewer pods in clientApp.selector.`;
    return { reason: 'LogsExhausted', message };
  }

  #isWanted(line: Buffer): boolean {
    for (const { needles } of this.listeners) {
      if (needles.length === 0 || needles.some((needle) => line.includes(needle))) return true;
    }
    return false;
  }

  #pass(line: Parameters<LogListener['line']>[0]): void {
    this.#each((listener) => {
      const { needles } = listener;
      if (needles.length > 0 && !needles.some((needle) => line.text.includes(needle))) return;
      try {
        listener.line(line);
      } catch {
        // An application chooses its lines. If one of them ended the stream, the log would be read from before it forever.
        listener.counted(0, 1);
      }
    });
  }

  #tell(): void {
    const { state } = this;
    this.#each((listener) => listener.changed(state));
  }

  #each(act: (listener: LogListener) => void): void {
    for (const listener of Array.from(this.listeners)) act(listener);
  }
}

function unknownPods(message: string): LogFault | undefined {
  return message === '' ? undefined : { reason: 'LogUnavailable', message };
}

/** A kubelet reports all containers of a pod together. */
function missingContainer(pods: readonly PodFacts[], { container, selector, namespace }: FollowedLog) {
  const [first, ...others] = pods.filter(({ outputs }) => outputs.length > 0);
  if (container === undefined || first === undefined) return undefined;
  if ([first, ...others].some(({ outputs }) => outputs.some((output) => output.container === container)))
    return undefined;
  const names = first.outputs.map((output) => output.container).join(', ');
  const message = `No pod in the namespace ${namespace} that the selector ${selector} matches has the container ${container}. The pod ${first.name} has ${names}. Correct evidence.log.container in the configuration.`;
  return { reason: 'ContainerMissing', message } as const;
}

function uidOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
