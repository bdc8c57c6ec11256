import { setTimeout as wait } from 'node:timers/promises';
import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { messageOf, StoreError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { CommandFailed, EXIT, exitCodeOf } from './cli/exit-codes.ts';
import { withoutArguments } from './cli/quoted-arguments.ts';
import { createTerminalOutput } from './cli/terminal-output.ts';
import { namesWithoutToken } from './plugin/asked-tokens.ts';
import { colored } from './plugin/colors.ts';
import { completionScript } from './plugin/completion-script.ts';
import { completionLines, completionsOf } from './plugin/completions.ts';
import { inspectCommand } from './plugin/inspect-command.ts';
import { namespaceOfAcquirer } from './plugin/namespace-of-acquirer.ts';
import type { PluginOutput } from './plugin/output.ts';
import { type ClusterOptions, createPluginProgram, type PluginActions, scopeOf } from './plugin/plugin-program.ts';
import type { SecretOptions } from './plugin/plugin-settings-program.ts';
import { reissueCommand } from './plugin/reissue-command.ts';
import { readStatus, statusCommand } from './plugin/status-command.ts';
import { type ClusterChoice, type ConnectedCluster, connectCluster } from './plugin-cluster-main.ts';
import { setCredential, setInterval } from './settings-main.ts';

const BETWEEN_LOOKS = 2000;
const LONGEST_END = 500;
const CLEAR = '\u001B[2J\u001B[3J\u001B[H';

const plain = createTerminalOutput(process);
const output: PluginOutput = {
  ...plain,
  // styleText colors nothing where standard output is no terminal, or NO_COLOR is set.
  view: (text) => void process.stdout.write(colored(printable(text), (color, part) => styleText(color, part))),
  renew: () => void process.stdout.write(process.stdout.isTTY ? CLEAR : '\n'),
};

const actions: PluginActions = {
  status: (options) =>
    inCluster(options, (cluster) => statusCommand(scopeOf(options), options, { cluster, output, pause })),
  inspect: (name, options) =>
    inCluster(options, (cluster) =>
      inspectCommand(name, { scope: scopeOf(options), format: options.output }, { cluster, output }),
    ),
  reissue: (name, options) =>
    inCluster(options, (cluster) =>
      reissueCommand(name, { scope: scopeOf(options), serviceAccount: options.serviceAccount }, { cluster, output }),
    ),
  setCredential: async (credential, options) =>
    setCredential(credential, await withNamespace(options), { originOf: () => undefined, output }),
  setInterval: async (credential, interval, options) =>
    setInterval(credential, interval, await withNamespace(options), { originOf: () => undefined, output }),
  doctor: async (options) => (await import('./doctor-main.ts')).doctor(options, output),
  completion: (shell) => output.out(completionScript(shell)),
};

/** Ctrl-C ends the process. */
async function pause(): Promise<boolean> {
  await wait(BETWEEN_LOOKS);
  return true;
}

async function inCluster<Result>(
  choice: ClusterChoice,
  act: (cluster: ConnectedCluster) => Promise<Result>,
): Promise<Result> {
  const cluster = connectCluster(choice);
  try {
    return await act(cluster);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CommandFailed(error.permanent ? EXIT.failed : EXIT.unreachable, error.message);
  } finally {
    await cluster.close();
  }
}

/** The namespace of the token-acquirer, unless the user named one. */
async function withNamespace<Options extends SecretOptions>(options: Options): Promise<Options> {
  if (options.namespace !== undefined) return options;
  const found = await inCluster(options, (cluster) => cluster.acquirers(scopeOf({})));
  return { ...options, namespace: namespaceOfAcquirer(found) };
}

/** Prints what may follow the words. An error would appear in the middle of what someone types, so there is none. */
async function complete(words: readonly string[]): Promise<void> {
  const { choices, areTokens, given } = completionsOf(createPluginProgram(actions, manifest.version), words);
  const names = areTokens ? await tokenNames(given).catch(() => []) : [];
  const current = words.at(-1) ?? '';
  output.out(completionLines([...choices, ...names.filter((name) => name.startsWith(current))]));
}

function tokenNames(given: Partial<ClusterOptions>): Promise<readonly string[]> {
  return inCluster(given, async (cluster) => {
    const { tokens } = await readStatus(scopeOf(given), cluster, { error: () => undefined });
    return [...tokens.map(({ token }) => token), ...(await namesWithoutToken(tokens, cluster))];
  });
}

async function main(): Promise<void> {
  const [, , command, ...words] = process.argv;
  if (command === '__complete') return complete(words);
  try {
    await createPluginProgram(actions, manifest.version).parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has printed its own sentence already.
    if (error instanceof CommanderError || messageOf(error) === '') return;
    output.error(`${withoutArguments(messageOf(error), process.argv.slice(2))}\n`);
  }
}

/** A connection that never opens would hold up the end of the process. */
async function mainThenExit(): Promise<void> {
  await main();
  setTimeout(() => process.exit(), LONGEST_END).unref();
}

void mainThenExit();
