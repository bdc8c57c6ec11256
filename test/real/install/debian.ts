import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { withLock } from './lock.ts';
import { NotAvailable } from './not-available.ts';
import { aloud, say, type Tell } from './progress.ts';
import { CommandFailed, runToItsEnd } from './run.ts';

export interface PackageNeed {
  /** Which real part it is for. */
  readonly part: string;
  /** What is missing, as a sentence names it. */
  readonly missing: string;
  readonly packages: readonly string[];
  readonly present: () => boolean | Promise<boolean>;
}

/** What installing takes. */
export interface Machine {
  readonly hasApt: boolean;
  readonly isRoot: boolean;
  /** Throws CommandFailed. */
  aptGet(args: readonly string[]): Promise<unknown>;
  /** Until somebody else may have finished installing. */
  pause(): Promise<void>;
  readonly tell: Tell;
}

const PATIENCE = 5 * 60_000;
const APT_GET = '/usr/bin/apt-get';
const OPTIONS = ['-q', '-o', `DPkg::Lock::Timeout=${PATIENCE / 1000}`];

function thisMachine(): Machine {
  const env = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  return {
    hasApt: existsSync(APT_GET),
    isRoot: process.getuid?.() === 0,
    aptGet: (args) => runToItsEnd({ label: `apt-get ${args[0]}`, command: APT_GET, args: [...OPTIONS, ...args], env }),
    pause: () => wait(2000),
    tell: say,
  };
}

/**
 * Installs Debian packages where what they bring is missing, which takes root. Throws NotAvailable.
 * Recommended packages are left out, so that no service comes along.
 */
export async function needPackages(need: PackageNeed, machine: Machine = thisMachine()): Promise<void> {
  const { part, missing, packages, present } = need;
  if (await present()) return;
  const command = `sudo apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
  if (!machine.hasApt) throw new NotAvailable(part, `${missing} is missing, and there is no apt-get`, command);
  if (!machine.isRoot) throw new NotAvailable(part, `${missing} is missing, and only root can install it`, command);
  try {
    await withLock('apt-get', async () => {
      if (await present()) return;
      const what = `Installing ${packages.join(', ')} for the tests on ${part}`;
      await aloud(what, () => install(packages, machine), machine.tell);
    });
  } catch (error) {
    if (error instanceof CommandFailed) throw new NotAvailable(part, error.message, command);
    throw error;
  }
  if (!(await present())) throw new NotAvailable(part, `${packages.join(', ')} did not bring ${missing}`, command);
}

async function install(packages: readonly string[], machine: Machine): Promise<void> {
  const wanted = ['install', '--yes', '--no-install-recommends', ...packages];
  try {
    await aptGet(wanted, machine);
  } catch {
    // The lists may be old, or not there yet.
    await aptGet(['update'], machine);
    await aptGet(wanted, machine);
  }
}

/** Somebody else may be installing: apt-get waits for the lock of dpkg, and not for that of its lists. */
async function aptGet(args: readonly string[], machine: Machine): Promise<void> {
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      await machine.aptGet(args);
      return;
    } catch (error) {
      const busy = error instanceof CommandFailed && error.output.includes('Could not get lock');
      if (!busy || performance.now() > until) throw error;
    }
    await machine.pause();
  }
}
