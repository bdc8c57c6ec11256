import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { needPackages } from '../real/install/debian.ts';
import { withLock } from '../real/install/lock.ts';
import { NotAvailable } from '../real/install/not-available.ts';
import { say } from '../real/install/progress.ts';
import { CommandFailed, isOnPath } from '../real/install/run.ts';
import { outputOf, succeeds } from './command.ts';

/** What NotAvailable says cannot be had. */
export const CLUSTER_PART = 'A Kubernetes cluster in Docker';

const DAEMON_LOG = '/var/log/token-acquirer-dockerd.log';
const DAEMON_PATIENCE = 60_000;
const PROBE = 10_000;

/** Resolves with stdout. Throws CommandFailed. */
export function docker(args: readonly string[], options: { input?: string; timeout?: number } = {}): Promise<string> {
  return outputOf({ program: 'docker', args, ...options });
}

/** Whether Docker has an image of this name. */
export function hasImage(tag: string): Promise<boolean> {
  return succeeds({ program: 'docker', args: ['image', 'inspect', tag] });
}

/**
 * Sees to it that Docker answers: as root on Debian or Ubuntu it is installed, and its daemon is started where it does
 * not run. Both are said, and stay when the tests are over. Throws NotAvailable with the one command that would help.
 */
export async function needDocker(): Promise<void> {
  if ((await refusal()) === undefined) return;
  await needPackages({
    part: CLUSTER_PART,
    missing: 'Docker',
    packages: ['docker.io', 'iptables'],
    present: async () => (await isOnPath('docker')) && (await isOnPath('dockerd')),
  });
  await withLock('dockerd', async () => {
    const why = await refusal();
    if (why === undefined) return;
    if (process.getuid?.() !== 0) throw new NotAvailable(CLUSTER_PART, why.text, why.command);
    await startDaemon();
  });
}

interface Refusal {
  readonly text: string;
  readonly command: string;
}

/** Why Docker does not answer this user; `undefined` where it does. */
async function refusal(): Promise<Refusal | undefined> {
  try {
    await docker(['version', '--format', '{{.Server.Version}}'], { timeout: PROBE });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    if (/permission denied/i.test(error.output)) {
      const command = 'sudo usermod --append --groups docker "$USER", then log in again';
      return { text: 'Docker runs, but this user may not use it', command };
    }
    return { text: "Docker's daemon does not answer", command: 'sudo systemctl start docker' };
  }
}

async function startDaemon(): Promise<void> {
  if (existsSync('/run/systemd/system')) {
    say("Docker's daemon does not run: starting it with systemctl.");
    await outputOf({ program: 'systemctl', args: ['start', 'docker'] });
  } else {
    const output = openSync(DAEMON_LOG, 'a', 0o600);
    const daemon = spawn('dockerd', [], { detached: true, stdio: ['ignore', output, output] });
    daemon.unref();
    say(`Docker's daemon does not run: starting it (process ${daemon.pid}, log ${DAEMON_LOG}); it stays.`);
  }
  const until = performance.now() + DAEMON_PATIENCE;
  while ((await refusal()) !== undefined) {
    if (performance.now() > until) {
      const why = `its daemon was started and did not answer within ${DAEMON_PATIENCE / 1000} s`;
      throw new NotAvailable(CLUSTER_PART, why, `dockerd, to see why (or read ${DAEMON_LOG})`);
    }
    await pause(300);
  }
}
