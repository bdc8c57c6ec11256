import { setTimeout as pause } from 'node:timers/promises';
import { endGroup, type GuardedCommand, type GuardedProcess, guardedSpawn } from '../guarded-spawn.ts';

const KEPT = 32 * 1024;
const GRACE = 5000;
const EVERY = 50;

/** A running server of somebody else's. */
export interface Part {
  readonly pid: number;
  /** The last of what it wrote. */
  said(): string;
  /** Resolves with what `look` finds, as soon as it finds something. Throws where the part ends first, or in time. */
  until<Found>(what: string, look: () => Promise<Found | undefined>, within: number): Promise<Found>;
  /** Ends it and all that it started. */
  stop(): Promise<void>;
}

/** Starts a server that cannot outlive this process. */
export function startPart(command: GuardedCommand): Part {
  const child = guardedSpawn(command);
  let said = '';
  const listen = (part: Buffer): void => {
    said = (said + part.toString()).slice(-KEPT);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    said: () => said,
    async until(what, look, within) {
      const before = performance.now() + within;
      for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        const why = hasEnded(child) ? 'it ended' : performance.now() > before ? `${within / 1000} s passed` : undefined;
        if (why !== undefined) throw new Error(`${command.label}: ${what} did not come about before ${why}.\n${said}`);
        await pause(EVERY);
      }
    },
    async stop() {
      if (!hasEnded(child)) child.kill('SIGTERM');
      const impatience = setTimeout(() => endGroup(child), GRACE);
      await ended;
      clearTimeout(impatience);
    },
  };
}

function hasEnded({ exitCode, signalCode, pid }: GuardedProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/** The answer of a GET, `undefined` while nobody answers or the answer is no success. */
export async function answerOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url);
    const text = await response.text();
    return response.ok ? text : undefined;
  } catch {
    return undefined;
  }
}
