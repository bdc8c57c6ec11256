import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPluginProgram, type PluginActions, scopeOf } from '../../../src/token-acquirer/plugin/plugin-program.ts';
import { codeBlocks, shellCommands } from '../../support/code-blocks.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** What the program does for these arguments, with what it is given. Throws for invalid arguments. */
async function understood(...args: readonly string[]): Promise<unknown[]> {
  let done: unknown[] = [];
  const does =
    (what: string) =>
    async (...given: unknown[]): Promise<void> => {
      done = [what, ...given];
    };
  const actions: PluginActions = {
    status: does('status'),
    inspect: does('inspect'),
    reissue: does('reissue'),
    setInterval: does('interval'),
    setCredential: does('credentials'),
    doctor: does('doctor'),
    completion: (shell) => {
      done = ['completion', shell];
    },
  };
  const program = createPluginProgram(actions, '0.0.0');
  for (const command of [program, ...program.commands.flatMap((child) => [child, ...child.commands])]) {
    command.exitOverride().configureOutput({ writeErr: () => undefined });
  }
  await program.parseAsync(['node', 'kubectl-token_acquirer', ...args]);
  return done;
}

const PRESET = { selector: 'app.kubernetes.io/name=token-acquirer', output: 'table' };

describe('the command line of the plugin', () => {
  it.each<[line: string, done: readonly unknown[]]>([
    ['status', ['status', PRESET]],
    ['status -w --unhealthy', ['status', { ...PRESET, watch: true, unhealthy: true }]],
    ['doctor -n a', ['doctor', { namespace: 'a', output: 'table' }]],
    ['status -n a -o yaml', ['status', { ...PRESET, namespace: 'a', output: 'yaml' }]],
    ['status -A --secret-namespace b', ['status', { ...PRESET, allNamespaces: true, secretNamespace: 'b' }]],
    ['inspect a/b/c --context d', ['inspect', 'a/b/c', { ...PRESET, context: 'd' }]],
    ['reissue a/b/c --service-account d/e', ['reissue', 'a/b/c', { serviceAccount: 'd/e' }]],
    ['interval set a 5m -n b', ['interval', 'a', '5m', { namespace: 'b' }]],
    ['credentials set a --key client_id', ['credentials', 'a', { key: ['client_id'] }]],
    ['completion zsh', ['completion', 'zsh']],
  ])('does what is meant by %s', async (line, done) => {
    expect(await understood(...line.split(' '))).toMatchObject(done);
  });

  it.each([
    'status a',
    'status -A -n b',
    'status -o xml',
    'inspect',
    'interval set a',
    'credentials set a --credentials b',
    'completion fish',
    'renew',
  ])('rejects %s', async (line) => {
    await expect(understood(...line.split(' '))).rejects.toThrow();
  });

  it('has the usage that kubectl and krew expect', () => {
    const program = createPluginProgram({} as PluginActions, '0.0.0');
    expect(program.helpInformation()).toMatch(/^Usage: kubectl token-acquirer /);
    for (const command of program.commands.filter((one) => ['status', 'inspect'].includes(one.name()))) {
      expect(command.helpInformation()).toContain(`Usage: kubectl token-acquirer ${command.name()} `);
      expect(command.options.map(({ long }) => long)).toEqual(
        expect.arrayContaining(['--namespace', '--all-namespaces', '--context', '--kubeconfig', '--output']),
      );
    }
  });

  it('searches everywhere by default, and as much as may be listed', () => {
    expect(scopeOf({})).toEqual({ everywhere: false, selector: PRESET.selector });
    expect(scopeOf({ allNamespaces: true, selector: 'a=b' })).toEqual({ everywhere: true, selector: 'a=b' });
  });
});

describe('the namespace of the token-acquirer', () => {
  it.each(['../secrets', 'Tokens', '', 'a/b', 'a'.repeat(64)])('is not %j', (namespace) => {
    expect(() => scopeOf({ namespace })).toThrow('--namespace must be a namespace');
  });

  it('is what a namespace can be called', () => {
    expect(scopeOf({ namespace: 'team-1' }).namespace).toBe('team-1');
  });
});

describe('a documented command of the plugin', () => {
  const lines = codeBlocks(ROOT)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ document, text }) => shellCommands(text).map((line) => [document, line] as const))
    .flatMap(([document, line]) => {
      const [, args] = /kubectl token-acquirer ([^)<|"]+)/.exec(line) ?? [];
      return args === undefined ? [] : [[document, args.trim()] as const];
    });

  it('exists in the page about it and in the reference', () => {
    expect(new Set(lines.map(([document]) => document))).toEqual(
      new Set(['docs/operate/status-and-cli.md', 'docs/reference/cli.md']),
    );
  });

  it.each(lines)('is valid in %s: %s', async (_document, args) => {
    expect(await understood(...args.split(/\s+/))).not.toEqual([]);
  });
});
