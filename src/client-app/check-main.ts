import { readFileSync } from 'node:fs';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { check } from './check.ts';
import { CHECK_HELP, readCheckConfig } from './check-config.ts';
import { type Finding, lineOf } from './check-finding.ts';

/** `client-app check`: resolves with the exit code. Throws UsageError for a wrong call. */
export async function runCheck(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(CHECK_HELP);
    return 0;
  }
  const config = readCheckConfig(args, process.env);
  // The clock's waiting alone would let the process end.
  const awake = setInterval(() => undefined, 60_000);
  try {
    const report = (finding: Finding): void => void process.stdout.write(`${lineOf(finding)}\n`);
    return (await check({ config, clock: createSystemClock(), root: '/', readText, report })) ? 0 : 1;
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
