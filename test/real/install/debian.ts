import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { withLock } from './lock.ts';
import { NotAvailable } from './not-available.ts';
import { aloud } from './progress.ts';
import { CommandFailed, run } from './run.ts';

export interface PackageNeed {
  /** Which real part it is for. */
  readonly part: string;
  /** What is missing, as a sentence names it. */
  readonly missing: string;
  readonly packages: readonly string[];
  readonly present: () => boolean | Promise<boolean>;
}

const PATIENCE = 5 * 60_000;
const EVERY = 2000;

export function aptCommand(packages: readonly string[]): string {
  return `sudo apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
}

/**
 * Installs Debian packages where what they bring is missing, which takes root. Throws NotAvailable.
 * Recommended packages are left out, so that no service comes along.
 */
export async function needPackages(need: PackageNeed): Promise<void> {
  const { part, missing, packages, present } = need;
  if (await present()) return;
  const command = aptCommand(packages);
  if (!existsSync('/usr/bin/apt-get')) throw new NotAvailable(part, `${missing} is missing`, `install ${missing}`);
  if (process.getuid?.() !== 0) {
    throw new NotAvailable(part, `${missing} is missing, and only root can install it`, command);
  }
  try {
    await withLock('apt-get', async () => {
      if (await present()) return;
      await aloud(`Installing ${packages.join(', ')} with apt-get for the tests on ${part}`, () => install(packages));
    });
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(part, error.message, command);
    throw error;
  }
  if (!(await present())) throw new NotAvailable(part, `${packages.join(', ')} did not bring ${missing}`, command);
}

async function install(packages: readonly string[]): Promise<void> {
  const wanted = ['install', '--yes', '--no-install-recommends', ...packages];
  try {
    await aptGet(wanted);
  } catch {
    // The lists may be old, or not there yet.
    await aptGet(['update']);
    await aptGet(wanted);
  }
}

/** Somebody else may be installing: the lock of dpkg is waited for by apt-get, that of the lists is not. */
async function aptGet(args: readonly string[]): Promise<void> {
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      await run({
        label: `apt-get ${args[0]}`,
        command: '/usr/bin/apt-get',
        args: ['-q', '-o', `DPkg::Lock::Timeout=${PATIENCE / 1000}`, ...args],
        env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      });
      return;
    } catch (error) {
      const busy = error instanceof CommandFailed && error.output.includes('Could not get lock');
      if (!busy || performance.now() > until) throw error;
    }
    await pause(EVERY);
  }
}
