import { readFileSync } from 'node:fs';
import { mountedTokenVolume } from '../../adapters/fs/mounted-token-volume.ts';
import { callOnce } from '../../adapters/http/bounded-call.ts';
import { createSystemClock } from '../../adapters/node/system-clock.ts';
import { check } from './check.ts';
import { CHECK_HELP, readCheckConfig } from './config.ts';
import { type Finding, lineOf } from './finding.ts';

/** `client-app check`: resolves with the exit code. Throws UsageError for a wrong call. */
export async function runCheck(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(CHECK_HELP);
    return 0;
  }
  const config = readCheckConfig(args, process.env);
  // A wait of the clock does not keep the process alive.
  const awake = setInterval(() => undefined, 60_000);
  try {
    const report = (finding: Finding): void => void process.stdout.write(`${lineOf(finding)}\n`);
    const { tokenDirectory: directory } = config;
    const mounted =
      directory === undefined ? undefined : { directory, volume: mountedTokenVolume(directory), readText };
    const parts = { config, mounted, makeCall: callOnce, clock: createSystemClock() };
    return (await check({ ...parts, root: '/', readText, report })) ? 0 : 1;
  } finally {
    clearInterval(awake);
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
