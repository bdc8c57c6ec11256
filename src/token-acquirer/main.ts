import { basename, dirname } from 'node:path';
import { CommanderError } from 'commander';
import pino from 'pino';
import manifest from '../../package.json' with { type: 'json' };
import { writeCredentialValue } from '../adapters/fs/credential-writer.ts';
import { createDirectoryCredentialSource } from '../adapters/fs/directory-credential-source.ts';
import { createDirectoryRefreshTokenStore } from '../adapters/fs/directory-refresh-token-store.ts';
import { createDirectoryTokenStore } from '../adapters/fs/directory-token-store.ts';
import { keptApart, readable, writable } from '../adapters/fs/folders.ts';
import { createTokenFileAuthenticator } from '../adapters/fs/token-file-authenticator.ts';
import { watchDirectory } from '../adapters/fs/watch-directory.ts';
import { createHttpsReissuer } from '../adapters/http/https-reissuer.ts';
import { collectWhenIdle } from '../adapters/node/idle-memory.ts';
import { createLocalExecutionState } from '../adapters/node/local-execution-state.ts';
import { keepMemoryClosed, refuseOpenMemory } from '../adapters/node/memory-secrecy.ts';
import { listenForStop } from '../adapters/node/stop-signal.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createSystemRandom } from '../adapters/node/system-random.ts';
import { getText, promptSilently, readStandardInput } from '../adapters/node/terminal.ts';
import { createOAuthTokenEndpoint } from '../adapters/oauth/oauth-token-endpoint.ts';
import { fanOut } from '../adapters/telemetry/fan-out.ts';
import { createLog } from '../adapters/telemetry/log.ts';
import { createLogOutput } from '../adapters/telemetry/log-output.ts';
import { createMetrics } from '../adapters/telemetry/metrics.ts';
import { messageOf } from '../core/errors.ts';
import { exitCodeOf } from './cli/exit-codes.ts';
import { type Actions, createProgram, type RunArguments } from './cli/program.ts';
import { reissueCommand } from './cli/reissue-command.ts';
import { setCredential, setInterval as setRenewalInterval, type WriteValue } from './cli/settings-commands.ts';
import { statusCommand } from './cli/status-command.ts';
import { validateCommand } from './cli/validate-command.ts';
import { type Adapters, loadConfiguration, runTokenAcquirer } from './process.ts';

/** How long the process may live on after its work has ended, in milliseconds. */
const LONGEST_EXIT = 500;

const clock = createSystemClock();
const random = createSystemRandom();
const output = {
  out: (text: string): void => void process.stdout.write(text),
  error: (text: string): void => void process.stderr.write(text),
};

function adaptersFor({ credentials, tokenDirectory, state, logLevel }: RunArguments): Adapters {
  const onDropped = (lines: number): void => onFault(`${lines} log lines were dropped: standard output was not read.`);
  const logger = pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    // A terminal can be halted by Ctrl-S, so it is written to in the background. The library does not survive full disks.
    process.stdout.isTTY
      ? pino.destination({ dest: 1, sync: false, maxLength: 1_000_000 })
      : createLogOutput(process.stdout, { onDropped }),
  );
  const folders = {
    credentials: readable(credentials, '--credentials'),
    tokens: writable(tokenDirectory, '--token-directory', 0o750),
    state: writable(state, '--state'),
  };
  keptApart(folders.tokens, { '--credentials': folders.credentials, '--state': folders.state });
  const metrics = createMetrics(clock);
  const telemetry = fanOut([createLog(logger), metrics]);
  const onFault = (message: string): void => telemetry.process({ kind: 'warning', message });
  return {
    clock,
    random,
    telemetry,
    credentials: createDirectoryCredentialSource(folders.credentials),
    store: createDirectoryTokenStore(folders.tokens),
    chains: createDirectoryRefreshTokenStore(folders.state),
    execution: createLocalExecutionState({ clock }),
    metrics: () => metrics.expose(),
    createEndpoint: (servers) => createOAuthTokenEndpoint(servers, { clock }),
    createCallers: (callers) => createTokenFileAuthenticator(callers, { clock, onFault }),
    watchFile: (file, changed) => watchDirectory(dirname(file), changed, { only: (name) => name === basename(file) }),
  };
}

const actions: Actions = {
  async run(options) {
    refuseOpenMemory(process);
    keepMemoryClosed(output.error);
    const stop = listenForStop();
    const stopCollecting = collectWhenIdle();
    try {
      await runTokenAcquirer(options, adaptersFor(options), stop.signal);
    } finally {
      stop.release();
      stopCollecting();
      // Whatever is left, as a log that nobody reads or a name that is not resolved, does not hold up the end.
      setTimeout(() => process.exit(), LONGEST_EXIT).unref();
    }
  },
  async validate({ config, credentials }) {
    const source =
      credentials === undefined ? undefined : createDirectoryCredentialSource(readable(credentials, '--credentials'));
    await validateCommand(await loadConfiguration(config), source, output);
  },
  status: (options) => statusCommand(options, getText, output),
  reissue: (name, options) =>
    reissueCommand(name, options, { get: getText, createReissuer: createHttpsReissuer, output }),
  setCredential: (credential, { credentials, key }) =>
    setCredential(credential, key, {
      write: writerFor(credentials),
      output,
      prompt: promptSilently(),
      readInput: readStandardInput,
    }),
  setInterval: (credential, interval, { credentials }) =>
    setRenewalInterval(credential, interval, { write: writerFor(credentials), output }),
};

function writerFor(credentials: string): WriteValue {
  return (credential, key, value) => writeCredentialValue(credentials, credential, key, value.reveal());
}

/** Not at the top level, where a bundle in one CommonJS file, which starts fastest, cannot await. */
async function main(): Promise<void> {
  try {
    await createProgram(actions, manifest.version).parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has printed its own sentence already.
    if (!(error instanceof CommanderError) && messageOf(error) !== '') output.error(`${messageOf(error)}\n`);
  }
}

void main();
