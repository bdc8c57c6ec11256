import type { Redacted } from '../../src/core/redacted.ts';
import type { Caller, CallerAuthenticator } from '../../src/ports/caller-authenticator.ts';
import { FakeFailures } from './fake-failures.ts';

/** Knows the callers that a test names. */
export class FakeCallerAuthenticator implements CallerAuthenticator {
  readonly #callers = new Map<string, Caller>();
  readonly #failures = new FakeFailures();
  #calls = 0;

  /** How often it was asked. */
  get calls(): number {
    return this.#calls;
  }

  /** From now on this bearer is that caller's. */
  allow(bearer: string, name: string): void {
    this.#callers.set(bearer, { name });
  }

  revoke(bearer: string): void {
    this.#callers.delete(bearer);
  }

  /** The next `calls` calls throw `error`, as where the API server is away; without a number, until `heal`. */
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
