import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { systemCode } from '../../src/core/errors.ts';

/**
 * Writes a volume with the file operations of the kubelet, in its order: a new `..<time>` directory, `..data_tmp`
 * leading to it, renamed to `..data`; links for new keys, none for removed ones; the old directory removed.
 */
export class AtomicWriter {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  write(payload: Readonly<Record<string, string | Uint8Array>>): void {
    const old = this.#state();
    const before = readdirSync(this.directory).filter((name) => !name.startsWith('..'));
    const time = new Date().toISOString().replaceAll(/[-:]/g, '_').slice(0, 19);
    const state = basename(mkdtempSync(this.#at(`..${time}.`)));
    chmodSync(this.#at(state), 0o755);
    for (const [key, value] of Object.entries(payload)) writeFileSync(join(this.#at(state), key), value);
    symlinkSync(state, this.#at('..data_tmp'));
    renameSync(this.#at('..data_tmp'), this.#at('..data'));
    const keys = Object.keys(payload);
    for (const key of keys) if (!before.includes(key)) symlinkSync(join('..data', key), this.#at(key));
    for (const key of before) if (!keys.includes(key)) unlinkSync(this.#at(key));
    if (old !== undefined) rmSync(this.#at(old), { recursive: true, force: true });
  }

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
