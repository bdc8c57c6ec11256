import type { SecretReference } from '../../src/core/token.ts';
import type { StoreWatch } from '../../src/ports/store-watch.ts';

interface Watching {
  readonly secret: SecretReference;
  readonly key: string;
  readonly changed: () => void;
}

/** A watch that reports changes when the test triggers them. */
export class FakeStoreWatch implements StoreWatch {
  enabled: boolean;
  /** Whether it claims to report all changes. A test that lets it miss some leaves this off. */
  covering = false;
  readonly #watching = new Set<Watching>();

  constructor({ enabled = false } = {}) {
    this.enabled = enabled;
  }

  /** `namespace/secret/key` of each watched token. */
  get watched(): string[] {
    return [...this.#watching].map(({ secret, key }) => `${secret.namespace}/${secret.secret}/${key}`);
  }

  enable(on: boolean): void {
    this.enabled = on;
  }

  watch(secret: SecretReference, key: string, changed: () => void): () => void {
    const one = { secret, key, changed };
    this.#watching.add(one);
    return () => this.#watching.delete(one);
  }

  covers({ namespace, secret: name }: SecretReference): boolean {
    const watching = [...this.#watching];
    return (
      this.enabled &&
      this.covering &&
      watching.some(({ secret }) => secret.namespace === namespace && secret.secret === name)
    );
  }

  /** Reports a change of the Secret, or without an argument of all Secrets. */
  tell(changed?: SecretReference): void {
    if (!this.enabled) return;
    for (const { secret, changed: tell } of Array.from(this.#watching)) {
      if (changed === undefined || (secret.namespace === changed.namespace && secret.secret === changed.secret)) tell();
    }
  }
}
