import { createHash } from 'node:crypto';
import type { Credential, CredentialKey } from '../../src/core/credential.ts';
import { UsageError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Ms } from '../../src/core/token.ts';
import type { CredentialSource } from '../../src/ports/credential-source.ts';

export type CredentialValues = Readonly<Partial<Record<CredentialKey, string>>>;

/** Credentials in memory. Every `set…`, `fail` and `remove` calls the watchers of that credential. */
export class FakeCredentialSource implements CredentialSource {
  readonly #values = new Map<string, CredentialValues>();
  readonly #intervals = new Map<string, Ms>();
  readonly #errors = new Map<string, UsageError>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #reads = 0;

  constructor(credentials: Readonly<Record<string, CredentialValues>> = {}) {
    for (const [name, values] of Object.entries(credentials)) this.#values.set(name, values);
  }

  /** How many reads of values were asked for. */
  get reads(): number {
    return this.#reads;
  }

  /** How many watches are open. */
  get watching(): number {
    return [...this.#watchers.values()].reduce((sum, watchers) => sum + watchers.size, 0);
  }

  /** Replaces all values of a credential and mends it. */
  set(credential: string, values: CredentialValues): void {
    this.#values.set(credential, { ...values });
    this.#errors.delete(credential);
    this.change(credential);
  }

  setInterval(credential: string, interval: Ms | undefined): void {
    if (interval === undefined) this.#intervals.delete(credential);
    else this.#intervals.set(credential, interval);
    this.change(credential);
  }

  /** Reading values and interval throws `error` until the next `set`. */
  fail(credential: string, error: UsageError): void {
    this.#errors.set(credential, error);
    this.change(credential);
  }

  remove(credential: string): void {
    this.#values.delete(credential);
    this.#intervals.delete(credential);
    this.change(credential);
  }

  /** Calls the watchers without any change. */
  change(credential: string): void {
    for (const changed of [...(this.#watchers.get(credential) ?? [])]) changed();
  }

  async read(credential: string): Promise<Credential> {
    this.#reads += 1;
    await Promise.resolve();
    const values = this.#present(credential);
    const entries = Object.entries(values).filter(([, value]) => value !== undefined);
    return {
      name: credential,
      values: Object.fromEntries(entries.map(([key, value]) => [key, new Redacted(value)])),
      fingerprint: createHash('sha256').update(`fake ${JSON.stringify(entries.toSorted())}`).digest('hex'),
    };
  }

  async interval(credential: string): Promise<Ms | undefined> {
    await Promise.resolve();
    this.#present(credential);
    return this.#intervals.get(credential);
  }

  watch(credential: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(credential) ?? new Set();
    this.#watchers.set(credential, watchers);
    // A function of its own, so that the same callback may watch twice.
    const watcher = (): void => changed();
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }

  #present(credential: string): CredentialValues {
    const error = this.#errors.get(credential);
    if (error !== undefined) throw error;
    const values = this.#values.get(credential);
    if (values === undefined) throw new UsageError(`There is no credential folder ${credential}.`);
    return values;
  }
}
