import type { EpochMs, Ms } from '../../../core/token.ts';
import type { AppLogs, FollowedLog, LogFault, LogListener, LogState } from '../../../ports/app-log.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import type { ApiServer } from '../api/api-server.ts';
import { LogStream } from './log-stream.ts';
import { hasEnded, type Output, type PodFacts } from './pod-facts.ts';
import type { PodWatch, PodWatches } from './pod-watch.ts';

export interface PodLogsOptions {
  readonly clock: Clock;
  readonly random?: Random | undefined;
}

/** Pods of one client app. All of them have the same token, so the others would report the same. */
const MOST_PODS = 20;
/** Logs in the whole process. Each is a connection to the API server. */
const MOST_STREAMS = 200;
/** A token-acquirer that was restarted reads what was written in the meantime. */
const BEFORE: Ms = 60_000;

/** Follows the output of pods through the log API. Each log is read once, however many tokens ask for it. */
export function createPodLogs(api: ApiServer, watches: PodWatches, options: PodLogsOptions): PodLogs {
  return new PodLogs(api, watches, options);
}

export class PodLogs implements AppLogs {
  readonly #api: ApiServer;
  readonly #watches: PodWatches;
  readonly #options: PodLogsOptions;
  readonly #followed = new Map<string, FollowedPods>();
  readonly #room = { left: MOST_STREAMS };

  constructor(api: ApiServer, watches: PodWatches, options: PodLogsOptions) {
    this.#api = api;
    this.#watches = watches;
    this.#options = options;
  }

  follow(log: FollowedLog, listener: LogListener): () => void {
    const key = JSON.stringify([log.namespace, log.selector, log.container]);
    const pods = this.#followed.get(key) ?? this.#begin(key, log);
    pods.listeners.add(listener);
    listener.changed(pods.state);
    return () => {
      if (!pods.listeners.delete(listener) || pods.listeners.size > 0) return;
      pods.close();
      if (this.#followed.get(key) === pods) this.#followed.delete(key);
    };
  }

  close(): void {
    for (const pods of this.#followed.values()) pods.close();
    this.#followed.clear();
  }

  #begin(key: string, log: FollowedLog): FollowedPods {
    const watch = this.#watches.get(log.namespace, log.selector);
    const pods = new FollowedPods(this.#api, watch, { ...this.#options, log, room: this.#room });
    this.#followed.set(key, pods);
    return pods;
  }
}

interface FollowedPodsOptions extends PodLogsOptions {
  readonly log: FollowedLog;
  /** How many more streams there may be. */
  readonly room: { left: number };
}

interface Followed {
  readonly stream: LogStream;
  readonly pod: string;
  output: Output;
}

/** The pods of one client app, and a stream for each of their containers. */
class FollowedPods {
  readonly listeners = new Set<LogListener>();
  readonly #api: ApiServer;
  readonly #watch: PodWatch;
  readonly #options: FollowedPodsOptions;
  readonly #since: EpochMs;
  readonly #streams = new Map<string, Followed>();
  readonly #leave: () => void;

  constructor(api: ApiServer, watch: PodWatch, options: FollowedPodsOptions) {
    this.#api = api;
    this.#watch = watch;
    this.#options = options;
    this.#since = options.clock.now() - BEFORE;
    this.#leave = watch.subscribe(() => this.#look());
    this.#look();
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
            streams.map(({ stream }) => stream.fault).find((one) => one !== undefined)),
    };
  }

  close(): void {
    this.#leave();
    for (const { stream } of this.#streams.values()) stream.stop();
  }

  #look(): void {
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
    const chosen = pods.filter((pod) => !hasEnded(pod)).slice(0, MOST_PODS);
    for (const pod of chosen) {
      for (const output of pod.outputs) this.#followOutput(pod, output);
    }
  }

  #followOutput(pod: PodFacts, output: Output): void {
    const wanted = this.#options.log.container;
    if (wanted !== undefined && wanted !== output.container) return;
    const key = `${pod.uid}/${output.container}`;
    const known = this.#streams.get(key);
    if (known === undefined) {
      if (this.#options.room.left > 0) this.#begin(key, pod.name, output);
      return;
    }
    const { restarts, started } = known.output;
    if (restarts !== output.restarts || started !== output.started) known.stream.wake();
    known.output = output;
  }

  #begin(key: string, pod: string, output: Output): void {
    const { container } = output;
    const { log, room, clock, random } = this.#options;
    const stream = new LogStream(
      this.#api,
      { namespace: log.namespace, pod, container },
      {
        clock,
        random,
        since: this.#since,
        wanted: (line) => this.#isWanted(line),
        line: (at, text) => this.#pass({ at, text, pod, container }),
        counted: (lines, gaps) => this.#each((listener) => listener.counted(lines, gaps)),
        changed: () => this.#tell(),
      },
    );
    room.left -= 1;
    this.#streams.set(key, { stream, pod, output });
    void stream.run().finally(() => {
      room.left += 1;
      this.#streams.delete(key);
    });
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
