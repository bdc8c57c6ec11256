import { readFile } from 'node:fs/promises';
import { errorKind } from '../core/error-kind.ts';
import { messageOf, systemCode, UsageError } from '../core/errors.ts';
import { faultAtOrigin, type OriginOf } from '../core/file-origin.ts';
import { hashPrefix, sha256 } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import { parseConfiguration } from './configuration/parse.ts';
import { ConfigurationError } from './configuration/problems.ts';
import type { Configuration } from './configuration/resolve.ts';
import type { ProcessStatus } from './endpoints/process-status.ts';

/** Reads and checks a configuration file. Throws UsageError or ConfigurationError, which name where a person changes it. */
export async function loadConfiguration(file: string, originOf?: OriginOf): Promise<Configuration> {
  return parsed(await configurationText(file, originOf), file, originOf);
}

interface ConfigurationFileOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly status: ProcessStatus;
  readonly originOf?: OriginOf | undefined;
}

/** The configuration file of one process: reads it, and keeps what is in force apart from what is rejected. */
export class ConfigurationFile {
  readonly #file: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #status: ProcessStatus;
  readonly #originOf: OriginOf | undefined;
  #read: string | undefined;

  constructor(file: string, { clock, status, originOf }: ConfigurationFileOptions) {
    this.#file = file;
    this.#originOf = originOf;
    this.#clock = clock;
    this.#status = status;
  }

  /** Reads and checks the file as it is now. Throws UsageError or ConfigurationError. */
  async load(): Promise<Configuration> {
    this.#read = undefined;
    const text = await configurationText(this.#file, this.#originOf);
    this.#read = sha256(text);
    return parsed(text, this.#file, this.#originOf);
  }

  /** What `load` last read is in force, except what `waits` says. */
  accepted(waits?: string): void {
    if (this.#read === undefined) return;
    this.#status.configuration = { sha256: this.#read, loadedAt: this.#clock.now(), rejected: undefined };
    const name = hashPrefix(this.#read);
    if (waits === undefined) this.#status.set('ConfigurationInForce', true, 'Loaded', `${name} is in force.`);
    else this.#status.set('ConfigurationInForce', false, 'RestartNeeded', `${name} is in force in part. ${waits}`);
  }

  /** What `load` last read, or could not read, cannot be used. `error` may quote anything, so `sentence` is shown. */
  rejected(error: unknown, sentence: string): void {
    const inForce = this.#status.configuration;
    if (inForce === undefined) return;
    const read = this.#read;
    // The same file is rejected again at each look.
    const before = inForce.rejected?.sha256 === read ? inForce.rejected : undefined;
    const shown = error instanceof ConfigurationError ? error.summary : sentence;
    const rejected = { sha256: read, since: before?.since ?? this.#clock.now(), error: shown };
    this.#status.configuration = { ...inForce, rejected };
    const which = read === undefined ? 'The configuration file' : `The configuration ${hashPrefix(read)}`;
    const stays = `${hashPrefix(inForce.sha256)} stays in force.`;
    const message = `${which} is rejected, and ${stays} Correct it: ${shown}`;
    this.#status.set('ConfigurationInForce', false, 'NewerFileRejected', message);
  }
}

/** Reads a configuration file. Throws UsageError. */
export async function configurationText(file: string, originOf?: OriginOf): Promise<string> {
  const origin = originOf?.(file);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    const fault = { message: `cannot be read (${code ?? 'failed'})`, isMissing: code === 'ENOENT' };
    if (origin !== undefined) throw new UsageError(faultAtOrigin('The configuration', fault, origin));
    throw new UsageError(`The configuration ${file} ${fault.message}; name a readable YAML file with --config.`);
  }
}

function parsed(text: string, file: string, originOf?: OriginOf): Configuration {
  const origin = originOf?.(file);
  try {
    return parseConfiguration(text, file);
  } catch (error) {
    throw error instanceof ConfigurationError && origin !== undefined ? error.at(origin.text) : error;
  }
}

/** Returns the message of an error of this project. Other errors may quote anything, so only their kind is shown. */
export function sentenceOf(error: unknown): string {
  if (error instanceof UsageError || error instanceof ConfigurationError) return messageOf(error);
  return `It failed inside the token-acquirer (${errorKind(error)}).`;
}
