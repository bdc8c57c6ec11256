import type { Argument, Command, Option } from 'commander';
import { EXIT_CODES } from '../token-acquirer/cli/exit-codes.ts';
import { type Actions, createProgram } from '../token-acquirer/cli/program.ts';
import { createPluginProgram, type PluginActions } from '../token-acquirer/plugin/plugin-program.ts';
import { code, table } from './markdown.ts';

/** Ends what commander itself prints of a command; the examples follow it. */
const LAST_OPTION = 'display help for command\n';

/** Each command: usage, arguments, options and examples, made from the program that parses them. */
export function cliReference(): string {
  return leaves(createProgram({} as Actions, '0.0.0'))
    .map(sectionOf)
    .join('\n\n');
}

/** The same for the plugin of kubectl. */
export function pluginReference(): string {
  return leaves(createPluginProgram({} as PluginActions, '0.0.0'))
    .map(sectionOf)
    .join('\n\n');
}

/** The exit codes. */
export function exitCodeReference(): string {
  return table(
    ['exit code', 'meaning'],
    Object.values(EXIT_CODES).map(({ code: number, meaning }) => [code(String(number)), meaning]),
  );
}

/** The commands that do something, not those that only have others below them. */
function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function sectionOf(command: Command): string {
  const { registeredArguments, options } = command;
  const paragraphs = [
    `## ${code(pathOf(command))}`,
    sentence(command.description()),
    `Usage: ${code(`${pathOf(command)} ${command.usage()}`)}`,
    registeredArguments.length === 0 ? '' : table(['argument', 'meaning'], registeredArguments.map(argumentRow)),
    options.length === 0 ? '' : table(['option', 'default', 'meaning'], options.map(optionRow)),
    examplesOf(command),
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

/** A description of an option as a sentence. What is in angle brackets would be a tag of HTML. */
function sentence(text: string): string {
  const safe = text.replaceAll(/[\w./<>-]*<[\w-]+>[\w./<>-]*/g, code);
  return `${safe.slice(0, 1).toUpperCase()}${safe.slice(1)}.`;
}

function argumentRow(argument: Argument): string[] {
  return [code(`<${argument.name()}>`), sentence(argument.description)];
}

function optionRow(option: Option): string[] {
  const { flags, description, mandatory, argChoices } = option;
  const choices = argChoices === undefined ? '' : ` One of ${argChoices.map(code).join(', ')}.`;
  return [code(flags), mandatory ? '**required**' : presetOf(option), `${sentence(description)}${choices}`];
}

function presetOf({ defaultValue, defaultValueDescription }: Option): string {
  if (defaultValueDescription !== undefined) return code(defaultValueDescription);
  return defaultValue === undefined ? '' : code(String(defaultValue));
}

/** The text below the options of `--help`: sentences, and commands after `$`. */
function examplesOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (part) => (help += part) }).outputHelp();
  const text = help.slice(help.lastIndexOf(LAST_OPTION) + LAST_OPTION.length).trim();
  const parts: { isCommand: boolean; lines: string[] }[] = [];
  for (const line of text.split('\n')) {
    const isCommand = /^ {2}\$ |^ {4}/.test(line);
    const last = parts.at(-1);
    const stripped = line.replace(/^ {2}\$ | {4}/, '').trimEnd();
    if (last?.isCommand === isCommand) last.lines.push(stripped);
    else parts.push({ isCommand, lines: [stripped] });
  }
  return parts
    .map(({ isCommand, lines }) => (isCommand ? fenced(lines) : lines.join('\n').trim()))
    .join('\n\n')
    .trim();
}

function fenced(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n');
}
