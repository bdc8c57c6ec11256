import { authorizedFetch, type Fetch, type Token, TokenNotYetAvailable, type TokenSource } from '../client/index.ts';
import { readUpTo } from '../client/streams.ts';
import { systemCode } from '../core/errors.ts';
import type { EpochMs, Ms } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';

/** How a call ended. `rejected`: with a token error that no other token cured. `failed`: any other status from 400. */
export type Outcome = 'ok' | 'rejected' | 'failed' | 'no-token' | 'timeout' | 'unreachable';

/** What may be said of a token. */
export interface TokenFacts {
  readonly generation: number;
  /** The first eight digits of its hash. */
  readonly sha256: string;
  readonly expiresAt: EpochMs;
}

export interface CallRecord {
  readonly at: EpochMs;
  readonly outcome: Outcome;
  readonly status: number | undefined;
  /** Two where a token error was cured, or not, by a replay. */
  readonly requests: number;
  readonly took: Ms;
  /** The token in use at the end of the call. */
  readonly token: TokenFacts | undefined;
  /** Why there was no answer: a sentence or the code of a system error. */
  readonly message: string | undefined;
}

export interface ExampleStatus {
  readonly ok: number;
  readonly failed: number;
  readonly last: CallRecord | undefined;
}

export interface ExampleParts {
  readonly serviceUrl: URL;
  /** Whether the token may go there over plain http off loopback. */
  readonly allowPlainHttp?: boolean;
  readonly callEvery: Ms;
  readonly source: TokenSource;
  readonly clock: Clock;
  /** Called with each call when it has ended. */
  readonly called: (record: CallRecord) => void;
  readonly fetch?: Fetch;
}

const PATIENCE: Ms = 30_000;
const LARGEST_READ = 64 * 1024;
const HASH_PREFIX = 8;

/** Calls the service, waits, and calls again. */
export class Example {
  readonly #parts: ExampleParts;
  readonly #call: Fetch;
  readonly #stopping = new AbortController();
  #status: ExampleStatus = { ok: 0, failed: 0, last: undefined };
  #requests = 0;

  constructor(parts: ExampleParts) {
    const { fetch = globalThis.fetch, source, serviceUrl, allowPlainHttp } = parts;
    this.#parts = parts;
    this.#call = authorizedFetch(source, {
      origins: [serviceUrl.origin],
      allowPlainHttp,
      fetch: (input, init) => {
        this.#requests += 1;
        return fetch(input, init);
      },
    });
  }

  get status(): ExampleStatus {
    return this.#status;
  }

  /** Resolves after `stop()`. */
  async run(): Promise<void> {
    const { clock, callEvery, called } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      const record = await this.#callOnce();
      if (this.#stopping.signal.aborted) return;
      const { ok, failed } = this.#status;
      const well = record.outcome === 'ok';
      this.#status = { ok: ok + (well ? 1 : 0), failed: failed + (well ? 0 : 1), last: record };
      called(record);
      await clock.wait(callEvery, this.#stopping.signal);
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #callOnce(): Promise<CallRecord> {
    const { clock, serviceUrl } = this.#parts;
    const [at, started] = [clock.now(), clock.monotonic()];
    this.#requests = 0;
    const ended = await this.#answer(serviceUrl);
    const token = this.#tokenInUse();
    return { at, ...ended, requests: this.#requests, took: clock.monotonic() - started, token };
  }

  async #answer(url: URL): Promise<Pick<CallRecord, 'outcome' | 'status' | 'message'>> {
    const patience = AbortSignal.any([AbortSignal.timeout(PATIENCE), this.#stopping.signal]);
    try {
      const response = await this.#call(url, { signal: patience });
      // To its end, so that the connection can be used again.
      if (response.body !== null) await readUpTo(response.body, LARGEST_READ);
      return { outcome: outcomeOf(response), status: response.status, message: undefined };
    } catch (error) {
      return { ...failureOf(error), status: undefined };
    }
  }

  #tokenInUse(): TokenFacts | undefined {
    try {
      return factsOf(this.#parts.source.current());
    } catch {
      // The outcome shows whether there is one.
      return undefined;
    }
  }
}

export function factsOf({ generation, sha256, expiresAt }: Token): TokenFacts {
  return { generation, sha256: sha256.slice(0, HASH_PREFIX), expiresAt };
}

function outcomeOf({ status }: Response): Outcome {
  if (status === 401) return 'rejected';
  return status < 400 ? 'ok' : 'failed';
}

function failureOf(error: unknown): Pick<CallRecord, 'outcome' | 'message'> {
  if (error instanceof TokenNotYetAvailable) return { outcome: 'no-token', message: error.message };
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { outcome: 'timeout', message: `No answer came within ${PATIENCE / 1000} s.` };
  }
  // The message of fetch is always the same; its cause has the code of the system error.
  const cause = error instanceof Error ? error.cause : undefined;
  return { outcome: 'unreachable', message: systemCode(cause) ?? systemCode(error) ?? 'The call failed.' };
}
