import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { survivors } from '../support/processes.ts';
import { DemoProcess, type End, type Found, kill } from './demo-process.ts';

/** How long the demo and all of its processes may outlive a kill. */
const SOON = 5000;
const A_ROUND = 180_000;

type Moment = 'while it starts' | 'while it runs';

/** Finds the process to kill; a negative id means a whole group. */
type Victim = (demo: DemoProcess) => number | undefined;

let demo: DemoProcess | undefined;

afterEach(async () => {
  await demo?.clear();
  demo = undefined;
});

const npm: Victim = ({ npm: { pid } }) => pid;
const terminal: Victim = ({ npm: { pid } }) => pid && -pid;
const orchestrator: Victim = (running) => find(running, ({ arguments: args }) => /demo\/main\.ts/.test(args));
const part =
  (name: string): Victim =>
  (running) =>
    find(running, ({ arguments: args }) => args.includes(`${name}-main.ts`));
const acquirer: Victim = (running) => find(running, ({ arguments: args }) => args.includes('token-acquirer/main.ts'));
const app =
  (name: string): Victim =>
  (running) =>
    find(running, ({ environment }) => environment.get('REISSUE_SECRET') === name);

function find(running: DemoProcess, is: (found: Found) => boolean): number | undefined {
  return running.processes().find(is)?.pid;
}

/** Starts a demo and waits for the moment, give or take a random while, so that runs differ. */
async function startUntil(moment: Moment, victim: Victim): Promise<{ running: DemoProcess; pid: number }> {
  const running = new DemoProcess({});
  demo = running;
  const sign = moment === 'while it runs' ? /report-app +call ok/ : /incident-desk +listens/;
  await expect.poll(() => running.output, { timeout: A_ROUND / 2 }).toMatch(sign);
  await expect.poll(() => victim(running), { timeout: A_ROUND / 2 }).toBeDefined();
  running.registerSecrets();
  await pause(Math.random() * (moment === 'while it runs' ? 2000 : 800));
  return { running, pid: victim(running) ?? 0 };
}

interface Round {
  readonly who: string;
  readonly victim: Victim;
  readonly signal: NodeJS.Signals;
  readonly moment: Moment;
  /** How npm ends, where that is the same each time. */
  readonly end?: End;
  /** A part of what is said on standard error. */
  readonly says?: string;
  /** Where nobody is left who knows of the files. */
  readonly leavesFiles?: boolean;
}

const hasEnded = 'the process that started it has ended';
const died = (name: string): string => `The demo ends because ${name} ended unexpectedly (SIGKILL).`;
const failed: End = { code: 1, signal: null };

const ROUNDS: Round[] = [
  { who: 'npm', victim: npm, signal: 'SIGKILL', moment: 'while it starts', says: hasEnded },
  { who: 'npm', victim: npm, signal: 'SIGKILL', moment: 'while it runs', says: hasEnded },
  { who: 'npm', victim: npm, signal: 'SIGTERM', moment: 'while it runs' },
  { who: 'npm', victim: npm, signal: 'SIGHUP', moment: 'while it runs' },
  { who: 'all in the terminal (Ctrl-C)', victim: terminal, signal: 'SIGINT', moment: 'while it runs', says: 'Ctrl-C' },
  { who: 'all in the terminal (it closes)', victim: terminal, signal: 'SIGHUP', moment: 'while it starts' },
  { who: 'the demo', victim: orchestrator, signal: 'SIGKILL', moment: 'while it starts', leavesFiles: true },
  { who: 'the demo', victim: orchestrator, signal: 'SIGKILL', moment: 'while it runs' },
  { who: 'the demo', victim: orchestrator, signal: 'SIGTERM', moment: 'while it starts', says: 'Ended by SIGTERM.' },
  { who: 'the demo', victim: orchestrator, signal: 'SIGTERM', moment: 'while it runs', says: 'Ended by SIGTERM.' },
  { who: 'the demo', victim: orchestrator, signal: 'SIGINT', moment: 'while it runs', end: { code: 0, signal: null } },
  ...['authorization-server', 'gateway', 'incident-desk'].map(
    (name): Round => ({
      who: name,
      victim: part(name),
      signal: 'SIGKILL',
      moment: 'while it runs',
      end: failed,
      says: died(name),
    }),
  ),
  {
    who: 'the token-acquirer',
    victim: acquirer,
    signal: 'SIGKILL',
    moment: 'while it starts',
    end: failed,
    says: died('token-acquirer'),
  },
  { who: 'the token-acquirer', victim: acquirer, signal: 'SIGTERM', moment: 'while it runs', end: failed },
  {
    who: 'billing-app',
    victim: app('billing-app'),
    signal: 'SIGKILL',
    moment: 'while it runs',
    end: failed,
    says: died('billing-app'),
  },
  { who: 'report-app', victim: app('report-app'), signal: 'SIGTERM', moment: 'while it runs', end: failed },
];

describe('no process and no file is left behind', () => {
  it.each(ROUNDS)(
    'after $signal to $who $moment',
    async ({ victim, signal, moment, end, says = '', leavesFiles = false }) => {
      const { running, pid } = await startUntil(moment, victim);
      expect(pid).not.toBe(0);
      kill(pid, signal);
      expect(await survivors(() => running.processes().map((found) => found.pid), SOON)).toEqual([]);
      const seen = await running.ended;
      expect(seen).toEqual(end ?? seen);
      expect(running.errors).toContain(says);
      expect(leavesFiles || running.leftFiles().length === 0).toBe(true);
    },
    A_ROUND,
  );

  it(
    'after the process that started the demo had ended before it could look',
    async () => {
      const running = new DemoProcess({ startedBy: 1 });
      demo = running;
      expect(await running.ended).toEqual(failed);
      expect(running.errors).toContain(hasEnded);
      expect(running.processes()).toEqual([]);
      expect(running.leftFiles()).toEqual([]);
    },
    A_ROUND,
  );
});
