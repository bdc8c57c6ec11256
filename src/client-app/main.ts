import type { Logger } from 'pino';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createLogOutput } from '../adapters/telemetry/log-output.ts';
import { createLogger } from '../adapters/telemetry/logger.ts';
import { endpointTokens, mountedTokens, type Tokens } from '../client/index.ts';
import { UsageError } from '../core/errors.ts';
import { runCheck } from './check/main.ts';
import { type ExampleConfig, HELP, readConfig } from './config.ts';
import { type CallRecord, Example, type TokenFacts } from './example.ts';
import { startStatusPage } from './status-page.ts';
import { runToken } from './token/main.ts';

function openTokens({ tokenDirectory: directory, reissue }: ExampleConfig, log: Logger): Tokens {
  const onFault = ({ message }: Error): void => log.warn({ message }, 'token-fault');
  if (directory !== undefined) return mountedTokens({ directory, reissue, onFault });
  if (reissue === undefined) throw new UsageError('Neither TOKEN_DIRECTORY nor REISSUE_URL is set.');
  return endpointTokens({ reissue, onFault });
}

function factsFields({ generation, sha256, expiresAt }: TokenFacts): object {
  return { generation, sha256, expires_at: new Date(expiresAt).toISOString() };
}

function callFields({ outcome, status, requests, took, token, message }: CallRecord): object {
  return {
    ok: outcome === 'ok',
    outcome,
    status,
    requests,
    took_ms: Math.round(took),
    ...(token && factsFields(token)),
    ...(message !== undefined && { message }),
  };
}

async function run(config: ExampleConfig, stopped: Promise<unknown>): Promise<void> {
  const log = createLogger(createLogOutput(process.stdout));
  const { serviceUrl, allowPlainHttp, tokenName, callEvery, listen } = config;
  const tokens = openTokens(config, log);
  const source = tokens.source(tokenName);
  const called = (record: CallRecord): void =>
    log[record.outcome === 'ok' ? 'info' : 'warn'](callFields(record), 'call');
  const example = new Example({
    serviceUrl,
    allowPlainHttp,
    callEvery,
    source,
    called,
    clock: createSystemClock(),
  });
  const page = await startStatusPage(listen, () => {
    const { ok, failed, last } = example.status;
    const at = last && new Date(last.at).toISOString();
    return { service: serviceUrl.origin, token: tokenName, ok, failed, last: last && { at, ...callFields(last) } };
  });
  log.info({ url: page.url }, 'listening');
  const running = example.run();
  await stopped;
  example.stop();
  tokens.close();
  await Promise.all([running, page.stop()]);
  log.info('stopped');
}

const COMMANDS = new Map([
  ['check', runCheck],
  ['token', runToken],
]);

const stopped = new Promise((resolve) => {
  // A program that was started through a launcher or by a parent that talks to it ends with it.
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.on(event, resolve);
});
try {
  const [argument, ...rest] = process.argv.slice(2);
  const command = argument === undefined ? undefined : COMMANDS.get(argument);
  if (command !== undefined) process.exit(await Promise.race([command(rest), stopped.then(() => 1)]));
  if (argument === '--help') process.stdout.write(HELP);
  else if (argument !== undefined)
    throw new UsageError('client-app takes no arguments but check and token. Configure it with environment variables.');
  else await run(readConfig(process.env), stopped);
  process.exit();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  const command = process.argv[2] ?? '';
  process.stderr.write(`${error.message}\nRun client-app ${COMMANDS.has(command) ? `${command} ` : ''}--help.\n`);
  // The IPC channel, if there is one, would keep the process alive.
  process.exit(2);
}
