import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { destinationOf } from '../../src/token-acquirer/cli/destination.ts';
import { type Actions, createProgram } from '../../src/token-acquirer/cli/program.ts';
import type { PathDefaults } from '../../src/token-acquirer/cli/shared-options.ts';
import { blocksIn, codeBlocks, shellCommands } from '../support/code-blocks.ts';

const ROOT = resolve(import.meta.dirname, '../..');

interface Invocation {
  readonly args: readonly string[];
  readonly inPod: boolean;
}

/** Each `token-acquirer` in a shell text: at its beginning, after a pipe, or behind `--` in a pod. */
function invocations(text: string): Invocation[] {
  return shellCommands(text.replaceAll(/\|\n\s*/g, '| '))
    .flatMap((line) => line.split(' | '))
    .map((part) => /(?<place>^|-- |npx )token-acquirer (?<args>[^<>]+)/.exec(part)?.groups)
    .flatMap((found) => {
      const { place, args } = found ?? {};
      return args === undefined ? [] : [{ args: args.trim().split(/\s+/), inPod: place === '-- ' }];
    });
}

const IN_POD = { config: '/etc/token-acquirer/config/config.yaml', credentials: '/etc/token-acquirer/credentials' };

/** Returns the action of the program. Throws for invalid arguments. */
async function understood({ args, inPod }: Invocation): Promise<string> {
  let done = 'nothing';
  const does = (what: string) => async (): Promise<void> => {
    done = what;
  };
  const actions: Actions = {
    run: does('run'),
    validate: does('validate'),
    status: does('status'),
    reissue: does('reissue'),
    check: does('credentials check'),
    doctor: does('doctor'),
    setCredential: async (credential, options) => {
      done = `credentials in a ${destinationOf(credential, options, 'credentials').kind}`;
    },
    setInterval: async (credential, _interval, options) => {
      done = `interval in a ${destinationOf(credential, options, 'interval').kind}`;
    },
  };
  const program = createProgram(actions, '0.0.0', inPod ? IN_POD : {});
  for (const command of [program, ...program.commands.flatMap((child) => [child, ...child.commands])]) {
    command.exitOverride().configureOutput({ writeErr: () => undefined });
  }
  await program.parseAsync(['node', 'token-acquirer', ...args]);
  return done;
}

const documented = codeBlocks(ROOT)
  .filter(({ language }) => language === 'sh')
  .flatMap(({ document, line, text }) => invocations(text).map((found) => [`${document}:${line}`, found] as const));

describe('the documented command', () => {
  it.each(documented)('is valid in %s: %j', async (_place, found) => {
    expect(await understood(found)).not.toBe('nothing');
  });

  it.each([
    ['docs/operate/credentials.md', ['credentials check', 'credentials in a secret', 'interval in a secret']],
    ['docs/operate/status-and-cli.md', ['doctor', 'reissue', 'status', 'validate']],
    ['docs/operate/runbooks/', ['credentials check', 'credentials in a secret', 'status', 'validate']],
  ])('exists in %s for each task of the page', async (page, actions) => {
    const actionsOfPage = documented.filter(([place]) => place.startsWith(page));
    const done = await Promise.all(actionsOfPage.map(([, found]) => understood(found)));
    expect([...new Set(done)].toSorted()).toEqual(actions);
  });

  it.each([
    ['an unknown option', 'token-acquirer status --secret x'],
    ['an unknown command', 'token-acquirer renew'],
    ['no place', 'token-acquirer interval set dynamics 10m'],
  ])('is reported with %s', async (_what, text) => {
    const [block] = blocksIn('x.md', `\`\`\`sh\n${text}\n\`\`\``);
    const [found] = invocations(block?.text ?? '');
    if (found === undefined) throw new Error('It was not found.');
    await expect(understood(found)).rejects.toThrow();
  });
});

describe('the help', () => {
  const help = (defaults?: PathDefaults): string => {
    const run = createProgram({} as Actions, '0.0.0', defaults).commands.find((command) => command.name() === 'run');
    let text = '';
    run?.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 300 }).outputHelp();
    return text;
  };

  it('shows which options are required', () => {
    expect(help()).toContain('configuration file (YAML) (required)\n');
    expect(help()).toContain('one file per value (required)\n');
  });

  it('shows the default of an option that is not required in this place', () => {
    const text = help({ config: '/etc/config.yaml', credentials: '/etc/credentials' });
    expect(text).toContain('configuration file (YAML) (default: "/etc/config.yaml")\n');
    expect(text).not.toContain('(required)');
  });
});

describe('the examples of --help', () => {
  const program = createProgram({} as Actions, '0.0.0');
  const commands = program.commands.flatMap((child) => [child, ...child.commands]);

  it.each(['run', 'status', 'reissue', 'credentials set', 'interval set'])('of %s are valid', async (name) => {
    const words = name.split(' ');
    const command = commands.find(
      (one) => one.name() === words.at(-1) && (one.parent?.name() ?? '') === (words.at(-2) ?? 'token-acquirer'),
    );
    let text = '';
    command?.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    const examples = invocations(text.replaceAll(/^ {2}\$ /gm, ''));
    expect(examples.length).toBeGreaterThan(0);
    for (const args of examples) expect(await understood(args)).not.toBe('nothing');
  });
});
