/** A fault in a configuration file: where, and a sentence part. Quotes no value, because a secret may stand in a wrong place. */
export interface Fault extends Position {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Whether the key is wrong, not its value. */
  readonly atKey?: boolean;
}

/** Counted from 1. */
export interface Position {
  readonly line?: number;
  readonly column?: number;
}

const PLAIN = /^[-\w]+$/;

/** `tokens[0].renewal.interval`, `tokens["billing/billing-tokens/dynamics"].scope` */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (text === '') return String(part);
    return PLAIN.test(String(part)) ? `${text}.${String(part)}` : `${text}[${JSON.stringify(String(part))}]`;
  }, '');
}

/** `config.yaml:12:5: tokens[0].renewal.interval: must be …` */
export function faultText(file: string, { path, message, line, column }: Fault): string {
  const position = line === undefined ? '' : `:${line}:${column ?? 1}`;
  const place = path.length === 0 ? '' : `${pathText(path)}: `;
  return `${file}${position}: ${place}${message}`;
}

/** All faults of one file. The message lists them, a line each. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly faults: readonly Fault[];
  readonly #file: string;
  /** The first fault, and how many follow: one line. */
  readonly summary: string;

  /** `origin`: where a person changes the file, if that is another place. */
  constructor(file: string, faults: readonly Fault[], origin?: string) {
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    super(
      `The configuration${origin === undefined ? '' : `, ${origin},`} has ${count}:\n${faults.map((fault) => `  ${faultText(file, fault)}`).join('\n')}`,
    );
    this.faults = faults;
    const [first] = faults;
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see the log)` : '';
    this.summary = first === undefined ? this.message : `${faultText(file, first)}${more}`;
    this.#file = file;
  }

  /** The same of a file that is a copy. */
  at(origin: string): ConfigurationError {
    return new ConfigurationError(this.#file, this.faults, origin);
  }
}
