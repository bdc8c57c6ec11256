import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenDocument } from '../../src/core/token-volume.ts';

const EVERY = 20;

/** A state of the volume. `document` is undefined where the volume held no whole token. */
export interface VolumeState {
  readonly at: number;
  readonly document: TokenDocument | undefined;
}

/** Follows one token of a volume as a reader sees it, and judges each change. */
export class VolumeLog {
  readonly states: VolumeState[] = [];
  readonly #folder: string;
  readonly #isActive: (token: string) => Promise<boolean>;
  readonly #timer: NodeJS.Timeout;
  readonly #judged: Promise<void>[] = [];
  readonly #violations: string[] = [];
  #tampered = false;

  constructor(folder: string, isActive: (token: string) => Promise<boolean>) {
    this.#folder = folder;
    this.#isActive = isActive;
    this.#look();
    this.#timer = setInterval(() => this.#look(), EVERY);
  }

  get current(): TokenDocument | undefined {
    return this.states.at(-1)?.document;
  }

  /** The next change is the work of the test. */
  tamper(): void {
    this.#tampered = true;
  }

  /** Returns whether the token that the volume holds now is still valid when the result is called. */
  validity(): () => Promise<boolean> {
    const document = this.current;
    return async () => {
      if (document === undefined || Date.parse(document.expires_at) <= Date.now()) return false;
      return this.#isActive(document.access_token);
    };
  }

  /** Stops, and returns a sentence for each change that took a valid token away. */
  async stop(): Promise<readonly string[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#judged);
    return this.#violations;
  }

  #look(): void {
    const document = this.#read();
    const before = this.states.at(-1);
    if (before !== undefined && before.document?.sha256 === document?.sha256) return;
    this.states.push({ at: performance.now(), document });
    if (before?.document !== undefined && !this.#tampered) this.#judged.push(this.#judge(before.document, document));
    this.#tampered = false;
  }

  async #judge(before: TokenDocument, after: TokenDocument | undefined): Promise<void> {
    if (Date.parse(before.expires_at) <= Date.now()) return;
    if (after !== undefined && (await this.#isActive(after.access_token).catch(() => true))) return;
    if (!(await this.#isActive(before.access_token).catch(() => false))) return;
    this.#violations.push(`A valid token was replaced by ${after === undefined ? 'none' : 'an invalid one'}.`);
  }

  /** Both keys of one version. Reads again if that version was replaced, and so removed, while it was read. */
  #read(): TokenDocument | undefined {
    for (;;) {
      const version = this.#version();
      const document = version === undefined ? undefined : documentIn(version);
      if (document !== undefined || version === this.#version()) return document;
    }
  }

  #version(): string | undefined {
    try {
      return realpathSync(join(this.#folder, '..data'));
    } catch {
      return undefined;
    }
  }
}

/** Returns undefined where the folder has no whole token. */
function documentIn(folder: string): TokenDocument | undefined {
  try {
    const document = JSON.parse(readFileSync(join(folder, 'dynamics.json'), 'utf8')) as TokenDocument;
    return readFileSync(join(folder, 'dynamics'), 'utf8') === document.access_token ? document : undefined;
  } catch {
    return undefined;
  }
}
