import type { Command, Option } from 'commander';

/** What may follow the words of a command line. */
export interface Completions {
  readonly choices: readonly string[];
  /** Whether the names of tokens may follow, too. */
  readonly areTokens: boolean;
  /** The options that were given, by their long names without `--`. */
  readonly given: Readonly<Record<string, string>>;
}

/** The argument of commands about one token. */
const TOKEN_ARGUMENT = 'name';

/** Where a command line has got to. */
interface Place {
  readonly command: Command;
  readonly positionals: number;
  /** An option whose value comes next. */
  readonly open: Option | undefined;
  readonly given: Readonly<Record<string, string>>;
}

/** Returns what may stand in place of the last of the words, which may be empty. */
export function completionsOf(program: Command, words: readonly string[]): Completions {
  const current = words.at(-1) ?? '';
  const start: Place = { command: program, positionals: 0, open: undefined, given: {} };
  const { command, positionals, open, given } = words.slice(0, -1).reduce(next, start);
  const starting = (choices: readonly string[]): readonly string[] =>
    choices.filter((choice) => choice.startsWith(current));
  if (open !== undefined) return { choices: starting(open.argChoices ?? []), areTokens: false, given };
  if (current.startsWith('-')) return { choices: starting(flagsOf(command)), areTokens: false, given };
  const argument = command.registeredArguments[positionals];
  const names = positionals === 0 ? command.commands.map((child) => child.name()) : [];
  const choices = starting([...names, ...(argument?.argChoices ?? [])]);
  return { choices, areTokens: argument?.name() === TOKEN_ARGUMENT, given };
}

function next({ command, positionals, open, given }: Place, word: string): Place {
  if (open !== undefined) {
    const known = { ...given, [open.name()]: word };
    return { command, positionals, open: undefined, given: known };
  }
  if (word.startsWith('-')) {
    const [flag = '', value] = word.split('=');
    const option = command.options.find(({ long, short }) => long === flag || short === flag);
    const takesValue = option !== undefined && (option.required || option.optional);
    if (!takesValue) return { command, positionals, open: undefined, given };
    if (value === undefined) return { command, positionals, open: option, given };
    return { command, positionals, open: undefined, given: { ...given, [option.name()]: value } };
  }
  const child = command.commands.find((candidate) => candidate.name() === word);
  if (child !== undefined) return { command: child, positionals: 0, open: undefined, given };
  return { command, positionals: positionals + 1, open: undefined, given };
}

function flagsOf(command: Command): string[] {
  return [...command.options.map(({ long }) => long).filter((long) => long !== undefined && long !== null), '--help'];
}

/** Returns the lines that the completion of kubectl reads: the choices, and that no files follow. */
export function completionLines(choices: readonly string[]): string {
  return [...choices, ':4', ''].join('\n');
}
