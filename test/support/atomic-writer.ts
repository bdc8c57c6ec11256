import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../src/core/errors.ts';

/**
 * Writes a volume with the file operations of the kubelet, in its order: a new `..<time>` directory, `..data_tmp`
 * leading to it, renamed to `..data`; links for new keys, none for those that are gone; the old directory removed.
 */
export class AtomicWriter {
  readonly directory: string;
  #written = 0;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  write(payload: Readonly<Record<string, string | Uint8Array>>): void {
    const old = this.#state();
    const before = this.#keys;
    const state = `..${new Date().toISOString().replaceAll(/[-:]/g, '_').slice(0, 19)}.${(this.#written += 1)}`;
    mkdirSync(this.#at(state));
    for (const [key, value] of Object.entries(payload)) writeFileSync(join(this.#at(state), key), value);
    symlinkSync(state, this.#at('..data_tmp'));
    renameSync(this.#at('..data_tmp'), this.#at('..data'));
    this.#keys = Object.keys(payload);
    for (const key of this.#keys) if (!before.includes(key)) symlinkSync(join('..data', key), this.#at(key));
    for (const key of before) if (!this.#keys.includes(key)) unlinkSync(this.#at(key));
    if (old !== undefined) rmSync(this.#at(old), { recursive: true, force: true });
  }

  #keys: readonly string[] = [];

  #at(name: string): string {
    return join(this.directory, name);
  }

  #state(): string | undefined {
    try {
      return readlinkSync(this.#at('..data'));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
