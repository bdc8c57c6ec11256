import type { CoreV1Event } from '@kubernetes/client-node';
import type { ProcessConditionEvent, ProcessEvent } from '../../../core/events.ts';
import type { Ms, SecretReference, TokenIdentity } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Telemetry } from '../../../ports/telemetry.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { CoreV1Api, PatchStrategy, setHeaderOptions } from '../api/client-library.ts';
import { EventSelection, type Notice } from './event-selection.ts';

export interface EventLogOptions {
  readonly clock: Clock;
  /** Called once when the events of a namespace cannot be written, and not again before a write succeeded. */
  readonly onFault: (message: string) => void;
  /** Name of this process's own pod. */
  readonly pod?: string;
}

/** What waits to be written; more is dropped. */
const QUEUE = 256;
/** Between two writes, so that many errors do not become as many requests. */
const SPACING: Ms = 50;
/** An event that repeats within it is counted, but its count is not written yet. */
const REPEATED: Ms = 60_000;
/** After a namespace denied an event, none is written there for this time. */
const REFUSED: Ms = 5 * 60_000;
/** Events that are remembered for their counts; the API server keeps one for an hour. */
const REMEMBERED = 500;
/** The API server takes no more. */
const LONGEST_MESSAGE = 1024;
const COMPONENT = 'token-acquirer';

interface Entry {
  readonly secret: SecretReference;
  readonly notice: Notice;
}

/**
 * Creates Kubernetes events about the token Secrets, for `kubectl events --for secret/NAME`: when something changes, not for
 * every success. Nothing ever waits for them: an event that cannot be written is dropped.
 */
export function createEventLog(api: ApiServer, options: EventLogOptions): Telemetry {
  const selection = new EventSelection();
  const written = new WrittenEvents(api, options);
  const queue: Entry[] = [];
  let draining = false;

  async function drain(): Promise<void> {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      if (await written.write(entry)) await options.clock.wait(SPACING);
    }
    draining = false;
  }

  function add({ namespace, secret, name }: TokenIdentity, notices: readonly Notice[]): void {
    put(
      { namespace, secret },
      notices.map((notice) => ({ ...notice, message: `Token ${name}: ${notice.message}` })),
    );
  }

  function put(secret: SecretReference, notices: readonly Notice[]): void {
    for (const notice of notices) {
      if (queue.length >= QUEUE) return;
      queue.push({ secret, notice: { ...notice, message: cut(notice.message) } });
    }
    if (queue.length === 0 || draining) return;
    draining = true;
    void drain();
  }

  return {
    token: (identity, event) => add(identity, selection.token(identity, event, options.clock.now())),
    process(event) {
      if (event.kind === 'reissue' || event.kind === 'evidence') add(event.identity, selection.reissue(event));
      if (isAboutSecret(event)) put(event.secret, [noticeOf(event)]);
    },
    forget: (identity) => selection.forget(identity),
  };
}

type AboutSecret = ProcessConditionEvent & { readonly secret: SecretReference };

function isAboutSecret(event: ProcessEvent): event is AboutSecret {
  const isCondition = event.kind === 'process-unhealthy' || event.kind === 'process-recovered';
  return isCondition && event.secret !== undefined;
}

function noticeOf({ kind, reason, message }: AboutSecret): Notice {
  return { type: kind === 'process-unhealthy' ? 'Warning' : 'Normal', reason, message };
}

interface Written {
  readonly name: string;
  count: number;
  at: Ms;
}

/** Writes an event, or raises the count of the same one written before. */
class WrittenEvents {
  readonly #api: CoreV1Api;
  readonly #options: EventLogOptions;
  readonly #events = new Map<string, Written>();
  readonly #refusedAt = new Map<string, Ms>();
  readonly #told = new Set<string>();

  constructor(api: ApiServer, options: EventLogOptions) {
    this.#api = new CoreV1Api(api.configuration);
    this.#options = options;
  }

  /** Whether the API server was asked. Never rejects. */
  async write({ secret, notice }: Entry): Promise<boolean> {
    const { namespace } = secret;
    const now = this.#options.clock.monotonic();
    const refusedAt = this.#refusedAt.get(namespace);
    if (refusedAt !== undefined && now - refusedAt < REFUSED) return false;
    const key = [namespace, secret.secret, notice.reason, notice.message].join('\n');
    const before = this.#events.get(key);
    const { count = 1 } = notice;
    if (before !== undefined) before.count += count;
    if (before !== undefined && now - before.at < REPEATED) return false;
    try {
      if (before === undefined || !(await this.#repeat(namespace, before))) {
        this.#remember(key, { name: await this.#create(secret, notice), count, at: now });
      }
      this.#refusedAt.delete(namespace);
      this.#told.delete(namespace);
    } catch (error) {
      this.#failed(namespace, error);
    }
    return true;
  }

  async #create({ namespace, secret }: SecretReference, { type, reason, message, count = 1 }: Notice): Promise<string> {
    const at = new Date(this.#options.clock.now());
    const { pod = '' } = this.#options;
    const body: CoreV1Event = {
      metadata: { namespace, generateName: `${secret}.` },
      involvedObject: { apiVersion: 'v1', kind: 'Secret', namespace, name: secret },
      type,
      reason,
      message,
      source: { component: COMPONENT },
      reportingComponent: COMPONENT,
      reportingInstance: pod,
      firstTimestamp: at,
      lastTimestamp: at,
      count,
    };
    const created = await this.#api.createNamespacedEvent({ namespace, body });
    return created.metadata.name ?? '';
  }

  /** False where the API server no longer has it. */
  async #repeat(namespace: string, event: Written): Promise<boolean> {
    const { clock } = this.#options;
    const body = { count: event.count, lastTimestamp: new Date(clock.now()).toISOString() };
    const header = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    try {
      await this.#api.patchNamespacedEvent({ namespace, name: event.name, body }, header);
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw error;
    }
    event.at = clock.monotonic();
    return true;
  }

  #remember(key: string, event: Written): void {
    this.#events.delete(key);
    this.#events.set(key, event);
    const [oldest] = this.#events.keys();
    if (this.#events.size > REMEMBERED && oldest !== undefined) this.#events.delete(oldest);
  }

  #failed(namespace: string, error: unknown): void {
    const status = statusOf(error);
    if (status === 403 || status === 404) this.#refusedAt.set(namespace, this.#options.clock.monotonic());
    if (this.#told.has(namespace)) return;
    this.#told.add(namespace);
    this.#options.onFault(apiFailure(`Events in the namespace ${namespace} cannot be written`, error).message);
  }
}

/** At most so many bytes, never a part of a character. */
function cut(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= LONGEST_MESSAGE) return message;
  const mark = '…';
  let end = LONGEST_MESSAGE - Buffer.byteLength(mark);
  // Bytes 10xxxxxx go on a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}${mark}`;
}
