import type { Redacted } from '../../src/core/redacted.ts';
import type { Caller, CallerAuthenticator } from '../../src/ports/caller-authenticator.ts';
import { FakeFailures } from './fake-failures.ts';

/** Identifies the callers that a test names. */
export class FakeCallerAuthenticator implements CallerAuthenticator {
  readonly #callers = new Map<string, Caller>();
  readonly #failures = new FakeFailures();
  #calls = 0;

  /** The number of calls. */
  get calls(): number {
    return this.#calls;
  }

  /** Assigns this bearer to that caller from now on. */
  allow(bearer: string, name: string): void {
    this.#callers.set(bearer, { name });
  }

  revoke(bearer: string): void {
    this.#callers.delete(bearer);
  }

  /**
   * The next `calls` calls throw `error`, as if the API server is unavailable. Without a number, all calls until `heal`
   * throw.
   */
  fail(error: Error, calls?: number): void {
    this.#failures.fail(error, calls);
  }

  heal(): void {
    this.#failures.heal();
  }

  async authenticate(bearer: Redacted): Promise<Caller | undefined> {
    this.#calls += 1;
    await Promise.resolve();
    this.#failures.check();
    return this.#callers.get(bearer.reveal());
  }
}
