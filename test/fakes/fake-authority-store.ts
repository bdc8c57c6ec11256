import { StoreError } from '../../src/core/errors.ts';
import type { AuthorityStore, StoredAuthority } from '../../src/ports/authority-store.ts';
import { FakeFailures } from './fake-failures.ts';

const KEY = 'authorities.json';

/** Keeps the document of the CAs in memory. Several token-acquirers of a test may share it. */
export class FakeAuthorityStore implements AuthorityStore {
  readonly place = `the key ${KEY} of the Secret token-acquirer/token-acquirer-ca`;
  readonly #loading = new FakeFailures();
  readonly #saving = new FakeFailures();
  readonly #saves: string[] = [];
  #text: string | undefined;
  #version = 1;
  #loads = 0;

  /** The texts that were saved, oldest first. */
  get saves(): readonly string[] {
    return this.#saves;
  }

  /** The number of loads, including failed ones. */
  get loads(): number {
    return this.#loads;
  }

  /** The next `calls` loads throw `error`; without a number, all of them until `heal`. */
  failLoads(error: Error, calls?: number): void {
    this.#loading.fail(error, calls);
  }

  /** The next `calls` saves throw `error`; without a number, all of them until `heal`. */
  failSaves(error: Error, calls?: number): void {
    this.#saving.fail(error, calls);
  }

  heal(): void {
    this.#loading.heal();
    this.#saving.heal();
  }

  peek(): string | undefined {
    return this.#text;
  }

  /** Sets the text as a person or another process would. `undefined` removes it. */
  edit(text: string | undefined): void {
    this.#text = text;
    this.#version += 1;
  }

  async load(): Promise<StoredAuthority> {
    await Promise.resolve();
    this.#loads += 1;
    this.#loading.check();
    return { text: this.#text, version: String(this.#version) };
  }

  async save(text: string, version: string): Promise<void> {
    await Promise.resolve();
    this.#saving.check();
    if (version !== String(this.#version)) throw new StoreError(`Somebody has changed ${this.place}in the meantime.`);
    this.edit(text);
    this.#saves.push(text);
  }
}
