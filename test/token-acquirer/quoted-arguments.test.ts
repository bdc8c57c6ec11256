import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/token-acquirer/cli/program.ts';
import { argumentError, withoutArguments } from '../../src/token-acquirer/cli/quoted-arguments.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const RUNNER = join(import.meta.dirname, '../fixtures/command-lines.ts');
/** A secret in the form of authorization servers. */
const PLANTED = `8Q~${secret('planted').toUpperCase()}`;

const CONFIGURATION = `authorizationServers: { corporate: { issuer: "https://login.example.com" } }
tokens:
  - { name: a, authorizationServer: corporate, credential: a, grant: client_credentials, secret: { namespace: a, name: b } }
`;

interface Line {
  readonly what: string;
  readonly args: readonly string[];
}

/** The commands with an action, by their words. */
function commandsOf(command: Command, words: readonly string[] = []): { words: readonly string[]; command: Command }[] {
  if (command.commands.length === 0) return [{ words, command }];
  return command.commands.flatMap((child) => commandsOf(child, [...words, child.name()]));
}

/** Every argument and option of every command, replaced by a secret in turn. */
function plantedLines(config: string, folder: string): Line[] {
  const nothing = (): Promise<void> => Promise.resolve();
  const actions = {
    run: nothing,
    validate: nothing,
    status: nothing,
    reissue: nothing,
    check: nothing,
    doctor: nothing,
  };
  const program = createProgram({ ...actions, setCredential: nothing, setInterval: nothing }, '0.0.0');
  const given: Readonly<Record<string, string>> = {
    '--config': config,
    '--credentials': folder,
    '--caller-token': config,
    '--status-url': 'http://127.0.0.1:1',
    '--url': 'http://127.0.0.1:1',
  };
  // `run` comes last, because it makes the folders that it is given.
  const lines: Line[] = [
    { what: 'as a command', args: [PLANTED] },
    { what: 'as a value for a command', args: [`client_secret=${PLANTED}`] },
    { what: 'as an option of the program', args: [`--client-secret=${PLANTED}`, 'status'] },
    { what: 'as a command of credentials', args: ['credentials', PLANTED] },
  ];
  for (const { words, command } of commandsOf(program).toReversed()) {
    const name = words.join(' ');
    const own = command.options.map(({ long }) => long ?? '').filter((long) => long in given);
    const options = own.flatMap((long) => [long, given[long] ?? '']);
    const positional: string[] = command.registeredArguments.map((argument) =>
      argument.name() === 'interval' ? '10m' : 'a/b/c',
    );
    const base = [...words, ...positional, ...options];
    lines.push(
      { what: `as one argument too many of ${name}`, args: [...base, PLANTED] },
      { what: `as KEY=VALUE after ${name}`, args: [...base, `client_secret=${PLANTED}`] },
      { what: `as an unknown option of ${name}`, args: [...base, `--client-secret=${PLANTED}`] },
      { what: `as the value of an unknown option of ${name}`, args: [...base, '--client-secret', PLANTED] },
      { what: `as the name of an unknown option of ${name}`, args: [...base, `--${PLANTED}`] },
      { what: `after an unknown letter of ${name}`, args: [...base, `-Z${PLANTED}`] },
      ...positional.map((_, at) => ({
        what: `as argument ${at + 1} of ${name}`,
        args: [...words, ...positional.with(at, PLANTED), ...options],
      })),
      ...command.options.flatMap(({ long }) =>
        [PLANTED, `client_secret=${PLANTED}`].map((value) => ({
          what: `as ${long} of ${name}`,
          args: [...words, ...positional, ...options, `${long}=${value}`],
        })),
      ),
    );
  }
  return lines;
}

describe('a secret among the arguments', () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());
  let lines: Line[] = [];
  let ended: { code: number; text: string }[] = [];

  beforeAll(() => {
    const config = join(directory.path, 'config.yaml');
    writeFileSync(config, CONFIGURATION);
    const credentials = join(directory.path, 'credentials');
    mkdirSync(credentials);
    lines = plantedLines(config, credentials);
    const { stdout, stderr } = spawnSync(process.execPath, [RUNNER], {
      input: JSON.stringify(lines.map(({ args }) => args)),
      cwd: directory.path,
      env: { PATH: process.env['PATH'], KUBECONFIG: join(directory.path, 'none') },
      encoding: 'utf8',
    });
    if (stdout === '') throw new Error(stderr);
    ended = JSON.parse(stdout) as typeof ended;
  }, 60_000);

  it('is printed by no command, in any position', () => {
    const leaks = lines.filter((_, index) => ended[index]?.text.includes(PLANTED));
    expect(leaks.map(({ what }) => what)).toEqual([]);
  });

  it('ends each command with a sentence and an exit code', () => {
    expect(lines.length).toBeGreaterThan(80);
    const silent = lines.filter((_, index) => {
      const { code = 0, text = '' } = ended[index] ?? {};
      return code === 0 || !/\w{3,}.*[.)'"]\n/s.test(text) || text.includes('    at ');
    });
    expect(silent.map((line) => [line.what, ended[lines.indexOf(line)]])).toEqual([]);
  });

  it('is not an argument of credentials set, which reports where values come from', () => {
    const at = lines.findIndex(({ what }) => what === 'as KEY=VALUE after credentials set');
    expect(ended[at]?.text).toContain('Expected 1 argument but got 2.\nNever pass values as arguments');
  });
});

describe("Commander's texts", () => {
  it.each([
    ["error: unknown option '--frob'\n", "error: unknown option '--frob'\n"],
    ["error: unknown option '--frob=abc'\n", "error: unknown option '--frob'\n"],
    ["error: unknown option '--hunter2'\n", 'error: unknown option\n'],
    ["error: unknown option '-pabc'\n", 'error: unknown option\n'],
    [
      "error: unknown option '--namesapce'\n(Did you mean --namespace?)\n",
      "error: unknown option '--namesapce'\n(Did you mean --namespace?)\n",
    ],
    ["error: unknown command 'abc'\n", 'error: unknown command\n'],
    ["error: unknown command 'stats'\n(Did you mean status?)\n", 'error: unknown command\n(Did you mean status?)\n'],
    [
      "error: too many arguments for 'set'. Expected 1 argument but got 2: a, Expected 1 argument but got 2: b.\n",
      "error: too many arguments for 'set'. Expected 1 argument but got 2.\n",
    ],
    [
      "error: option '-o, --output <format>' argument 'a' is invalid. b' is invalid. Allowed choices are table, json.\n",
      "error: option '-o, --output <format>' has an invalid argument. Allowed choices are table, json.\n",
    ],
    [
      "error: command-argument value 'fish' is invalid for argument 'shell'. Allowed choices are bash, zsh.\n",
      "error: argument 'shell' is invalid. Allowed choices are bash, zsh.\n",
    ],
    [
      "error: option '-A, --all' cannot be used with option '-n, --namespace <namespace>'\n",
      "error: option '-A, --all' cannot be used with option '-n, --namespace <namespace>'\n",
    ],
    [
      "error: required option '--config <file>' not specified\n",
      "error: required option '--config <file>' not specified\n",
    ],
    ["error: missing required argument 'name'\n", "error: missing required argument 'name'\n"],
    ["error: option '--config <file>' argument missing\n", "error: option '--config <file>' argument missing\n"],
    ["error: something that is new: 'abc'\n", 'error: wrong arguments\n'],
  ])('turn %j into %j', (text, expected) => {
    expect(argumentError(text)).toBe(expected);
  });
});

describe('an error', () => {
  it.each([
    ['a name', 'billing/billing-tokens/dynamics'],
    ['an absolute path', '/etc/token-acquirer/Config_1'],
    ['a relative path', './Credentials'],
    ['a file', 'Config.yaml'],
    ['an address', '[::1]:7080'],
    ['a URL', 'https://127.0.0.1:8443/Path'],
    ['an option', '--namespace'],
    ['a key of a credential', 'client_secret'],
    ['the key for its end', 'expires_at'],
  ])('shows %s', (_what, argument) => {
    expect(withoutArguments(`About ${argument}.`, ['x', argument])).toBe(`About ${argument}.`);
  });

  it.each([
    ['a word that looks like a secret', 'Hunter_2!', 'Hunter_2!'],
    ['the value of a pair', 'client_secret=Hunter2', 'Hunter2'],
    ['the value of an option', '--secret=Hunter2', 'Hunter2'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.e30.Sig_nature', 'eyJhbGciOiJIUzI1NiJ9.e30.Sig_nature'],
    ['a URL with a password', 'https://ann:pw@host', 'https://ann:pw@host'],
  ])('hides %s', (_what, argument, quoted) => {
    expect(withoutArguments(`About ${quoted}-credentials.`, [argument])).toBe('About (not shown)-credentials.');
  });
});
