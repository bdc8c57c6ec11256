/** A problem in a configuration file: its place, and the end of a sentence. Quotes no value, which may be a secret. */
export interface Problem extends Position {
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
export function problemText(file: string, { path, message, line, column }: Problem): string {
  const position = line === undefined ? '' : `:${line}:${column ?? 1}`;
  const place = path.length === 0 ? '' : `${pathText(path)}: `;
  return `${file}${position}: ${place}${message}`;
}

/** All problems of one file. The message has one line for each. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];
  readonly #file: string;
  /** One line: the first problem, and the number of the others. */
  readonly summary: string;

  /** `origin`: where a person changes the file, if the file is a copy. */
  constructor(file: string, problems: readonly Problem[], origin?: string) {
    const count = problems.length === 1 ? 'one error' : `${problems.length} errors`;
    super(
      `The configuration${origin === undefined ? '' : `, ${origin},`} has ${count}:\n${problems.map((problem) => `  ${problemText(file, problem)}`).join('\n')}`,
    );
    this.problems = problems;
    const [first] = problems;
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more, see the log)` : '';
    this.summary = first === undefined ? this.message : `${problemText(file, first)}${more}`;
    this.#file = file;
  }

  /** Returns the same error for a file that is a copy. */
  at(origin: string): ConfigurationError {
    return new ConfigurationError(this.#file, this.problems, origin);
  }
}
