import { existsSync } from 'node:fs';
import { CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { podNamespace } from '../adapters/fs/pod-namespace.ts';
import { createHttpsReissuer } from '../adapters/http/https-reissuer.ts';
import { getText, postJson, readStandardInput } from '../adapters/node/terminal.ts';
import { messageOf } from '../core/errors.ts';
import { fileOrigins } from '../core/file-origin.ts';
import { checkCommand } from './cli/check-command.ts';
import { exitCodeOf } from './cli/exit-codes.ts';
import { type Actions, createProgram } from './cli/program.ts';
import { withoutArguments } from './cli/quoted-arguments.ts';
import { reissueCommand } from './cli/reissue-command.ts';
import type { PathDefaults } from './cli/shared-options.ts';
import { statusCommand } from './cli/status-command.ts';
import { createTerminalOutput } from './cli/terminal-output.ts';
import { run } from './run-main.ts';
import { setCredential, setInterval } from './settings-main.ts';
import { validate } from './validate-main.ts';

const output = createTerminalOutput(process);
/** Set by the chart, also for commands that run in the pod. */
const { FILE_ORIGINS: origins = '' } = process.env;
const originOf = fileOrigins(origins, podNamespace());

const actions: Actions = {
  run: (options) => run(options, { originOf, isFromChart: origins !== '', warn: (text) => output.error(text) }),
  validate: (options) => validate(options, { originOf, output }),
  status: (options) => statusCommand(options, getText, output),
  check: (names, options) => checkCommand(names, options, { get: getText, post: postJson, output }),
  reissue: (name, options) =>
    reissueCommand(name, options, {
      get: getText,
      createReissuer: createHttpsReissuer,
      output,
      readInput: readStandardInput,
    }),
  // Loaded only when it is asked for: the library behind it weighs on each start.
  doctor: async (options) => (await import('./doctor-main.ts')).doctor(options, output),
  setCredential: (credential, options) => setCredential(credential, options, { originOf, output }),
  setInterval: (credential, interval, options) => setInterval(credential, interval, options, { originOf, output }),
};

/** The paths where the chart and the manifests mount the files. */
function pathDefaults(): PathDefaults {
  const existing = (path: string): string | undefined => (existsSync(path) ? path : undefined);
  return {
    config: existing('/etc/token-acquirer/config/config.yaml'),
    credentials: existing('/etc/token-acquirer/credentials'),
  };
}

/** Not at the top level: the bundle is one CommonJS file, which starts fastest and cannot await there. */
async function main(): Promise<void> {
  try {
    await createProgram(actions, manifest.version, pathDefaults()).parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has printed its own sentence already.
    if (error instanceof CommanderError || messageOf(error) === '') return;
    output.error(`${withoutArguments(messageOf(error), process.argv.slice(2))}\n`);
  }
}

void main();
