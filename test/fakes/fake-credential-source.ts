import { createHash } from 'node:crypto';
import type { Credential, CredentialKey } from '../../src/core/credential.ts';
import { type CredentialExpiry, parseExpiry } from '../../src/core/credential-expiry.ts';
import { type StoreError, UsageError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Ms } from '../../src/core/token.ts';
import type { CredentialSource } from '../../src/ports/credential-source.ts';

export type CredentialValues = Readonly<Partial<Record<CredentialKey, string>>>;

/** Credentials in memory. A change of one calls its watchers; setting the same values does not. */
export class FakeCredentialSource implements CredentialSource {
  readonly #values = new Map<string, CredentialValues>();
  readonly #intervals = new Map<string, Ms | UsageError>();
  readonly #expiries = new Map<string, string>();
  readonly #errors = new Map<string, UsageError | StoreError>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #reads = 0;

  constructor(credentials: Readonly<Record<string, CredentialValues>> = {}) {
    for (const [name, values] of Object.entries(credentials)) this.#values.set(name, values);
  }

  /** The number of reads of values. */
  get reads(): number {
    return this.#reads;
  }

  /** The number of open watches. */
  get watching(): number {
    return [...this.#watchers.values()].reduce((sum, watchers) => sum + watchers.size, 0);
  }

  /** Replaces all values of a credential and removes its error. */
  set(credential: string, values: CredentialValues): void {
    const hadError = this.#errors.delete(credential);
    const before = JSON.stringify(this.#values.get(credential));
    this.#values.set(credential, { ...values });
    if (hadError || JSON.stringify(values) !== before) this.change(credential);
  }

  /** Sets the interval. `undefined` removes it, and `interval` throws an error from now on. */
  setInterval(credential: string, interval: Ms | UsageError | undefined): void {
    const before = this.#intervals.get(credential);
    if (interval === undefined) this.#intervals.delete(credential);
    else this.#intervals.set(credential, interval);
    if (interval !== before) this.change(credential);
  }

  /** Sets `expires_at` as a person writes it; `undefined` removes it. */
  setExpiry(credential: string, text: string | undefined): void {
    if (text === undefined) this.#expiries.delete(credential);
    else this.#expiries.set(credential, text);
    this.change(credential);
  }

  /** Makes reads of the values throw `error` until the next `set`. */
  fail(credential: string, error: UsageError | StoreError): void {
    this.#errors.set(credential, error);
    this.change(credential);
  }

  remove(credential: string): void {
    this.#values.delete(credential);
    this.#intervals.delete(credential);
    this.#expiries.delete(credential);
    this.change(credential);
  }

  /** Calls the watchers without any change. */
  change(credential: string): void {
    for (const changed of Array.from(this.#watchers.get(credential) ?? [])) changed();
  }

  async read(credential: string, needed: readonly CredentialKey[] = []): Promise<Credential> {
    this.#reads += 1;
    await Promise.resolve();
    const values = this.#present(credential);
    const missing = needed.filter((key) => values[key] === undefined);
    if (missing.length > 0) throw new UsageError(`The credential ${credential} has no ${missing.join(' and no ')}.`);
    const entries = Object.entries(values).filter(([, value]) => value !== undefined);
    return {
      name: credential,
      values: Object.fromEntries(entries.map(([key, value]) => [key, new Redacted(value)])),
      fingerprint: createHash('sha256')
        .update(`fake ${JSON.stringify(entries.toSorted(([a], [b]) => a.localeCompare(b)))}`)
        .digest('hex'),
    };
  }

  async interval(credential: string): Promise<Ms | undefined> {
    await Promise.resolve();
    const interval = this.#intervals.get(credential);
    if (interval instanceof Error) throw interval;
    return interval;
  }

  async expiry(credential: string): Promise<CredentialExpiry> {
    await Promise.resolve();
    const text = this.#expiries.get(credential);
    const at = text === undefined ? undefined : parseExpiry(text);
    const fault = text === undefined || at !== undefined ? undefined : `The expiry of ${credential} is no time.`;
    return { at, fault };
  }

  watch(credential: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(credential) ?? new Set();
    this.#watchers.set(credential, watchers);
    // A new function for each watch, so that the same callback may watch twice.
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
