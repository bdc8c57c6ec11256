import { StoreError } from '../../src/core/errors.ts';
import { identityText, type TokenIdentity } from '../../src/core/token.ts';
import type { RefreshTokenChain, RefreshTokenStore } from '../../src/ports/refresh-token-store.ts';
import { FakeFailures } from './fake-failures.ts';

export interface RecordedSave {
  readonly identity: TokenIdentity;
  readonly chain: RefreshTokenChain | undefined;
}

function textOf(chain: RefreshTokenChain | undefined): string {
  if (chain === undefined) return '';
  const { refreshToken, originSha256, rotates, inUse, inUseSince } = chain;
  return JSON.stringify([refreshToken.reveal(), originSha256, rotates, inUse, inUseSince]);
}

/** Keeps the state in memory. A test may restart the acquirer on the same fake. */
export class FakeRefreshTokenStore implements RefreshTokenStore {
  readonly #chains = new Map<string, RefreshTokenChain>();
  readonly #corrupt = new Set<string>();
  readonly #loads = new FakeFailures();
  readonly #savings = new FakeFailures();
  readonly #saves: RecordedSave[] = [];

  /** The saves that succeeded, oldest first. */
  get saves(): readonly RecordedSave[] {
    return this.#saves;
  }

  /** The next `calls` loads throw `error`; without a number, all of them until `heal`. */
  failLoads(error: StoreError, calls?: number): void {
    this.#loads.fail(error, calls);
  }

  /** The next `calls` saves throw `error`; without a number, all of them until `heal`. */
  failSaves(error: StoreError, calls?: number): void {
    this.#savings.fail(error, calls);
  }

  heal(): void {
    this.#loads.heal();
    this.#savings.heal();
    this.#corrupt.clear();
  }

  /** Makes the stored chain unreadable until `heal`. */
  corrupt(identity: TokenIdentity): void {
    this.#corrupt.add(identityText(identity));
  }

  peek(identity: TokenIdentity): RefreshTokenChain | undefined {
    return this.#chains.get(identityText(identity));
  }

  /** Sets a chain as another process would. `undefined` removes it. */
  edit(identity: TokenIdentity, chain: RefreshTokenChain | undefined): void {
    if (chain === undefined) this.#chains.delete(identityText(identity));
    else this.#chains.set(identityText(identity), chain);
  }

  async check(): Promise<void> {
    await Promise.resolve();
    this.#loads.check();
  }

  async load(identity: TokenIdentity): Promise<RefreshTokenChain | undefined> {
    await Promise.resolve();
    this.#loads.check();
    this.#refuseCorrupt(identity);
    return this.peek(identity);
  }

  async save(
    identity: TokenIdentity,
    chain: RefreshTokenChain | undefined,
    expected: RefreshTokenChain | undefined,
  ): Promise<void> {
    await Promise.resolve();
    this.#savings.check();
    this.#refuseCorrupt(identity);
    if (textOf(this.peek(identity)) !== textOf(expected)) {
      throw new StoreError(
        `Another process has changed the refresh token of ${identityText(identity)}in the meantime.`,
      );
    }
    this.edit(identity, chain);
    this.#saves.push({ identity, chain });
  }

  #refuseCorrupt(identity: TokenIdentity): void {
    if (!this.#corrupt.has(identityText(identity))) return;
    throw new StoreError(`The saved refresh token of ${identityText(identity)} cannot be read.`, { permanent: true });
  }
}
