import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { systemCode, UsageError } from '../../core/errors.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import type { KeyPair, ListenAddress } from '../listener.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable that must be set. Throws UsageError. */
export function required(environment: Environment, name: string): string {
  const value = environment[name]?.trim();
  if (value === undefined || value === '') throw new UsageError(`${name} is not set.`);
  return value;
}

/** `127.0.0.1:8443`, or `:8443` for every address. Throws UsageError. */
export function addressIn(environment: Environment, name: string): Required<ListenAddress> {
  const match = /^([^:]*):(\d{1,5})$/.exec(required(environment, name));
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new UsageError(`${name} is not host:port, such as 127.0.0.1:8443.`);
  return { host: match[1] ?? '', port };
}

/** `undefined` where the variable is blank or missing. Throws UsageError. */
export function durationIn(environment: Environment, name: string): Ms | undefined {
  if ((environment[name] ?? '').trim() === '') return undefined;
  const duration = parseDuration(required(environment, name));
  if (duration === undefined) throw new UsageError(`${name} is not ${DURATION_FORM}.`);
  return duration;
}

/** The text of one key of a mounted Secret or ConfigMap, one trailing newline cut. Throws UsageError. */
export function mountedText(folder: string, key: string): string {
  try {
    return readFileSync(join(folder, key), 'utf8').replace(/\n$/, '');
  } catch (error) {
    throw new UsageError(`The file ${join(folder, key)} cannot be read (${systemCode(error) ?? 'failed'}).`);
  }
}

export function mountedSecret(folder: string, key: string): Redacted {
  return new Redacted(mountedText(folder, key));
}

/** `tls.crt` and `tls.key`, as a Secret of the type `kubernetes.io/tls` has them. */
export function mountedKeyPair(folder: string): KeyPair {
  return { cert: mountedText(folder, 'tls.crt'), key: mountedText(folder, 'tls.key') };
}
