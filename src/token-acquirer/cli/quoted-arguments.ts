import { SET_KEYS } from '../../core/credential.ts';

/** Shorter values are no secrets, and a sentence may contain them by chance. */
const SHORTEST = 4;

/** The form of a name, an address, a path or an option, which errors show. Secrets from an authorization server look different. */
const SHOWN: readonly RegExp[] = [
  /^--?[a-z][a-z-]*$/,
  /^[a-z0-9.-]+(?:\/[a-z0-9.-]+)*$/,
  /^(?:~|\.{1,2})?\/[\w./@+-]*$/,
  /^[\w.-]+\.(?:ya?ml|json|pem|crt|key|conf|txt)$/,
  /^(?:[a-z0-9.-]*|\[[0-9a-f:]+\]):\d{1,5}$/,
];

/** Names that an argument of `credentials set` may be. */
const NAMES: ReadonlySet<string> = new Set(SET_KEYS);

/**
 * Returns the message without the arguments that may be secrets. Someone may have typed a secret in the wrong place, and it
 * must not get into a terminal's history or the log of a pipeline.
 */
export function withoutArguments(message: string, args: readonly string[]): string {
  const hidden = args
    .flatMap((argument) => [argument, ...partsOf(argument)])
    .filter((value) => value.length >= SHORTEST && !isShown(value))
    .toSorted((one, other) => other.length - one.length);
  return hidden.reduce((text, value) => text.replaceAll(value, '(not shown)'), message);
}

/** `--key=value` and `key=value` → `value`, `-kvalue` → `value`. */
function partsOf(argument: string): string[] {
  const at = argument.indexOf('=');
  return [...(at < 0 ? [] : [argument.slice(at + 1)]), ...(/^-[^-]/.test(argument) ? [argument.slice(2)] : [])];
}

function isShown(value: string): boolean {
  if (NAMES.has(value) || SHOWN.some((form) => form.test(value))) return true;
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return [url.username, url.password, url.search, url.hash].every((part) => part === '');
}

/** Texts of Commander that hold no argument, only names that the program knows. */
const HARMLESS = [
  'error: missing required argument ',
  'error: required option ',
  /^error: option '[^']*' argument missing/,
  /^error: option '[^']*' cannot be used with option '[^']*'\n$/,
] as const;

/**
 * Returns Commander's text about wrong arguments without their values. A text in a form that is not known here is
 * replaced as a whole.
 */
export function argumentError(text: string): string {
  if (HARMLESS.some((start) => (typeof start === 'string' ? text.startsWith(start) : start.test(text)))) return text;
  const [suggestion = ''] = /\n\(Did you mean .*\)\n$/.exec(text) ?? [];
  if (text.startsWith('error: unknown command ')) return `error: unknown command${suggestion || '\n'}`;
  if (text.startsWith('error: unknown option ')) {
    const [, name] = /^error: unknown option '(--[a-z]+(?:-[a-z]+)*)(?:=|'\n)/.exec(text) ?? [];
    return `error: unknown option${name === undefined ? '' : ` '${name}'`}${suggestion || '\n'}`;
  }
  const [excess] = /^error: too many arguments.*? Expected \d+ arguments? but got \d+/.exec(text) ?? [];
  if (excess !== undefined) return `${excess}.\n`;
  const [, argument, allowed] =
    /^error: command-argument value '.*' is invalid for argument '([^']*)'\. (.*\n)$/s.exec(text) ?? [];
  if (argument !== undefined) return `error: argument '${argument}' is invalid. ${allowed ?? ''}`;
  const [, option, choices] = /^error: option '([^']*)' argument '.*' is invalid\. (.*\n)$/s.exec(text) ?? [];
  if (option !== undefined) return `error: option '${option}' has an invalid argument. ${choices ?? ''}`;
  return 'error: wrong arguments\n';
}
