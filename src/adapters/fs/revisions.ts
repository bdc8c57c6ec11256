import { randomBytes } from 'node:crypto';
import { closeSync, constants, linkSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError, systemCode } from '../../core/errors.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import { excuse, unless } from './file-faults.ts';

/** Beyond this age an unfinished file is one that a killed process left. */
const LEFT_BEHIND: Ms = 10_000;
const TRIES = 50;
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

export interface Revision {
  /** 1 or more, rising. */
  readonly number: number;
  readonly path: string;
  readonly text: string;
}

/**
 * One document in a directory, with each revision in a separate file: `<name>.<number>.json`. The highest number counts.
 *
 * A revision is made by `link`, which fails where that number is taken already: so compare-and-swap holds between
 * processes without any lock that a killed one could leave behind. A revision is complete before it has its name, and on the disk
 * before it counts as added: one that a machine lost before that gives way to the one before it. Throws the system's errors as
 * they are.
 */
export class Revisions {
  readonly #directory: string;
  readonly #name: string;
  readonly #now: () => EpochMs;

  constructor(directory: string, name: string, now: () => EpochMs) {
    this.#directory = directory;
    this.#name = name;
    this.#now = now;
  }

  /** The highest revision, `undefined` where there is none. */
  async latest(): Promise<Revision | undefined> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      // A second look, because a list taken while one revision follows another may hold neither.
      const numbers = (await this.#numbers()) ?? (await this.#numbers());
      if (numbers === undefined) return undefined;
      const [number = 0, before] = numbers.toSorted((one, other) => other - one);
      const found = await this.#read(number);
      if (found === undefined) continue;
      const earlier = isTorn(found.text) && before !== undefined ? await this.#read(before) : undefined;
      return earlier === undefined ? found : { ...earlier, number };
    }
    throw Object.assign(new Error(`${this.#name} changes faster than it can be read`), { code: 'EAGAIN' });
  }

  /** `undefined` where it has gone. */
  async #read(number: number): Promise<Revision | undefined> {
    const path = this.#pathOf(number);
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW;
    const text = await unless(['ENOENT'], readFile(path, { encoding: 'utf8', flag }));
    return text === undefined ? undefined : { number, path, text };
  }

  /**
   * Adds the revision after `number`, durably. False where another process was first, and also where another has gone
   * on from this very revision before it could be looked at here: true is never said of a revision that is lost.
   *
   * The revision has its name when this function gives control back for the first time, unless the directory is missing.
   */
  async addAfter(number: number, text: string): Promise<boolean> {
    const next = number + 1;
    const made = excuse(['ENOENT'], () => this.#make(next, text)) ?? (await this.#makeInNew(next, text));
    if (!made) return false;
    await sync(this.#pathOf(next));
    // If others went past this number and removed it again, link could not notice.
    const overtaken = Math.max(...((await this.#numbers()) ?? [next])) > next;
    if (overtaken) await unless(['ENOENT'], unlink(this.#pathOf(next)));
    else await sync(this.#directory);
    return !overtaken;
  }

  async #makeInNew(number: number, text: string): Promise<boolean> {
    await makeDirectory(this.#directory);
    return this.#make(number, text);
  }

  /** Without a pause: a process that is killed in between loses what it was about to save. False where the number is taken. */
  #make(number: number, text: string): boolean {
    const unfinished = join(this.#directory, `.${this.#name}.${randomBytes(8).toString('hex')}.tmp`);
    const file = openSync(unfinished, 'wx', 0o600);
    try {
      writeWhole(file, text);
      return linkUnlessThere(unfinished, this.#pathOf(number));
    } finally {
      closeSync(file);
      excuse(['ENOENT'], () => unlinkSync(unfinished));
    }
  }

  /**
   * Removes the revisions before `number`, and what killed processes left unfinished. What cannot be removed now, a
   * later call removes: never throws.
   */
  async removeBefore(number: number): Promise<void> {
    const entries = await readdir(this.#directory).catch(() => []);
    for (const older of this.#numbersOf(entries)) if (older < number) await tryToRemove(this.#pathOf(older));
    for (const entry of entries) {
      if (!entry.startsWith(`.${this.#name}.`) || !entry.endsWith('.tmp')) continue;
      const path = join(this.#directory, entry);
      const stats = await lstat(path).catch(() => undefined);
      if (stats !== undefined && this.#now() - stats.mtimeMs >= LEFT_BEHIND) await tryToRemove(path);
    }
  }

  #pathOf(number: number): string {
    return join(this.#directory, `${this.#name}.${number}.json`);
  }

  async #numbers(): Promise<number[] | undefined> {
    const numbers = this.#numbersOf((await unless(['ENOENT'], readdir(this.#directory))) ?? []);
    return numbers.length === 0 ? undefined : numbers;
  }

  #numbersOf(entries: readonly string[]): number[] {
    return entries
      .map((entry) => Number(entry.slice(this.#name.length + 1, -'.json'.length)))
      .filter((number, index) => number > 0 && entries[index] === `${this.#name}.${number}.json`);
  }
}

/** Where that fails, a later call does it. */
async function tryToRemove(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

function linkUnlessThere(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
    throw new StoreError(`The file system of ${dirname(to)} has no hard links. Name a directory on another one.`, {
      permanent: true,
    });
  }
}

/** A full disk may take a part of it. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

/** Whether the machine stopped before the text was on the disk. */
function isTorn(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

/** Of a file or a directory. */
async function sync(path: string): Promise<void> {
  const file = await unless(['ENOENT'], open(path, 'r'));
  if (file === undefined) return;
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Creates a directory and those above it durably, for this user only. */
async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  for (let above = dirname(path); above.length >= dirname(made).length; above = dirname(above)) {
    await sync(above);
    if (above === dirname(above)) return;
  }
}
