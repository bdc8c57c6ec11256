import { INTERVAL_KEY, SET_KEYS } from '../../core/credential.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { StoreError, UsageError } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import { intervalWarning } from '../../core/renewal.ts';
import type { Configuration } from '../configuration/resolve.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import type { CommandOutput } from './terminal-output.ts';

type SetKey = (typeof SET_KEYS)[number];
export type SettingKey = SetKey | typeof INTERVAL_KEY;

/** What a command prints about values that were written. */
export interface Written {
  /** Such as `Secret token-acquirer/dynamics-credentials`. */
  readonly place?: string | undefined;
  /** What happens next. */
  readonly next?: string | undefined;
  /** Why the values may not take effect. */
  readonly warnings?: readonly string[];
}

/** Writes values of a credential, so that no reader sees half of one. Throws UsageError and StoreError. */
export type WriteValues = (credential: string, values: ReadonlyMap<SettingKey, Redacted>) => Promise<Written>;

export interface SettingsDependencies {
  /** Throws UsageError where nothing uses a credential of this name. Called before anything is asked for or written. */
  readonly check?: ((credential: string) => Promise<void>) | undefined;
  readonly write: WriteValues;
  readonly output: CommandOutput;
  /** Asks at the terminal without echo; `undefined` where standard input is no terminal. */
  readonly prompt: ((question: string) => Promise<string>) | undefined;
  readonly readInput: () => Promise<string>;
}

/** `credentials set`. Values never come from arguments, which every process of the machine can read. */
export async function setCredential(
  credential: string,
  keys: readonly string[] | undefined,
  { check, write, output, prompt, readInput }: SettingsDependencies,
): Promise<void> {
  const wanted = keys?.map(knownKey);
  await check?.(credential);
  const values = prompt === undefined ? inputValues(await readInput(), wanted) : await askedValues(prompt, wanted);
  if (values.size === 0) throw new UsageError('No value was given, so nothing was written.');
  const redacted = new Map([...values].map(([key, value]) => [key, new Redacted(value)]));
  const written = await resultOf(write(credential, redacted));
  print(`${credential}: ${[...values.keys()].join(', ')} set`, written, output);
}

/** `interval set`. */
export async function setInterval(
  credential: string,
  interval: string,
  { check, write, output }: Pick<SettingsDependencies, 'check' | 'write' | 'output'>,
): Promise<void> {
  const duration = parseDuration(interval);
  if (duration === undefined) throw new UsageError(`The interval must be ${DURATION_FORM}, and more than zero.`);
  await check?.(credential);
  const written = await resultOf(write(credential, new Map([[INTERVAL_KEY, new Redacted(interval)]])));
  print(`${credential}: renewed ${interval} after issue, at the latest at 90 % of the lifetime`, written, output);
  const warning = intervalWarning(duration);
  if (warning !== undefined) output.error(`Warning: ${warning}\n`);
}

/** Throws UsageError where no token of the configuration uses the credential. */
export function checkUsed(credential: string, file: string, { tokens }: Pick<Configuration, 'tokens'>): void {
  const used = [...new Set(tokens.map((token) => token.credential))].toSorted();
  if (used.includes(credential)) return;
  throw new UsageError(
    `No token of ${file} uses a credential of this name, so nothing was written. Credentials: ${used.join(', ')}. Correct the name, or the configuration.`,
  );
}

async function resultOf(writing: Promise<Written>): Promise<Written> {
  try {
    return await writing;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CommandFailed(error.permanent ? EXIT.failed : EXIT.unreachable, error.message);
  }
}

function print(what: string, { place, next, warnings = [] }: Written, output: CommandOutput): void {
  output.out(`${what}${place === undefined ? '' : ` (${place})`}\n`);
  if (next !== undefined) output.out(`${next}\n`);
  for (const warning of warnings) output.error(`Warning: ${warning}\n`);
}

function knownKey(key: string): SetKey {
  const known = SET_KEYS.find((candidate) => candidate === key);
  if (known === undefined) throw new UsageError(`Unknown credential key. Valid keys: ${SET_KEYS.join(', ')}.`);
  return known;
}

/** A key or certificate has many lines, which no prompt takes. A second secret is for a rotation only, and an end is not known of each. */
const NOT_ASKED: ReadonlySet<SetKey> = new Set<SetKey>([
  'private_key',
  'certificate',
  'client_secret_next',
  'expires_at',
]);

async function askedValues(
  prompt: (question: string) => Promise<string>,
  keys: readonly SetKey[] | undefined,
): Promise<Map<SetKey, string>> {
  const values = new Map<SetKey, string>();
  const asked = keys ?? SET_KEYS.filter((key) => !NOT_ASKED.has(key));
  for (const key of asked) {
    const value = await prompt(keys === undefined ? `${key} (leave empty to keep the current value): ` : `${key}: `);
    if (value !== '') values.set(key, value);
  }
  return values;
}

function inputValues(input: string, keys: readonly SetKey[] | undefined): Map<SetKey, string> {
  const [only, ...others] = keys ?? [];
  if (only !== undefined && others.length === 0) {
    const value = input.replace(/\r?\n$/, '');
    return new Map(value === '' ? [] : [[only, value]]);
  }
  const values = new Map<SetKey, string>();
  for (const [index, line] of input.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const separator = line.indexOf('=');
    // The line itself is not quoted: it may be nothing but a secret.
    if (separator < 1) throw new UsageError(`Line ${index + 1} of standard input is not KEY=VALUE.`);
    const key = knownKey(line.slice(0, separator).trim());
    if (keys === undefined || keys.includes(key)) values.set(key, line.slice(separator + 1));
  }
  return values;
}
