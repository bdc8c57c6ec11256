import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundlePrograms, NODE_FLAGS } from '../../../src/build.ts';
import type { Scope } from '../benchmark.ts';
import { endProcess } from './parts.ts';
import type { Place } from './place.ts';

/** The token-acquirer as it ships: one file, its flags, its compile cache. */
export interface Program {
  readonly file: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Bundles it into a folder that goes with the scope. */
export async function buildProgram(scope: Scope): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-bundle-'));
  scope.add(() => rmSync(folder, { recursive: true, force: true }));
  await bundlePrograms(folder);
  return {
    file: join(folder, 'token-acquirer.cjs'),
    flags: NODE_FLAGS,
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: join(folder, 'cache') },
  };
}

export interface RunningAcquirer {
  readonly pid: number;
  /** Of the reissue endpoint. */
  readonly url: string;
  /** How many lines of this kind its log has so far. */
  count(kind: string): number;
  /** Resolves when the log has this many. */
  counted(kind: string, count: number): Promise<void>;
  /** Asks what was loaded into it before its program; resolves with the answer. */
  ask<Answer>(question: string): Promise<Answer>;
  end(): Promise<void>;
}

const PATIENCE = 600_000;

/** Starts it, and ends it with the scope. Resolves when it listens. */
export async function startAcquirer(
  scope: Scope,
  program: Program,
  place: Pick<Place, 'args'>,
): Promise<RunningAcquirer> {
  const child = spawn(process.execPath, [...program.flags, program.file, 'run', ...place.args], {
    env: program.env,
    // By the channel it notices when the benchmark was killed.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  scope.add(() => endProcess(child));
  const counts = new Map<string, number>();
  let url: string | undefined;
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const kind = /"event":"([^"]*)"/.exec(line)?.[1] ?? '';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (kind === 'listening') url ??= (JSON.parse(line) as { url: string }).url;
  });
  const until = async (holds: () => boolean, what: string): Promise<void> => {
    const end = performance.now() + PATIENCE;
    while (!holds()) {
      if (child.exitCode !== null) throw new Error(`The token-acquirer ended with code ${child.exitCode}.`);
      if (performance.now() > end) throw new Error(`The token-acquirer took too long: ${what}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const count = (kind: string): number => counts.get(kind) ?? 0;
  await until(() => url !== undefined, 'it does not listen');
  return {
    pid: child.pid ?? 0,
    url: url ?? '',
    count,
    counted: (kind, wanted) => until(() => count(kind) >= wanted, `${kind} ${count(kind)} of ${wanted} times`),
    async ask<Answer>(question: string) {
      const answered = once(child, 'message');
      child.send(question);
      const [answer] = (await answered) as [Answer];
      return answer;
    },
    end: () => endProcess(child, 'SIGTERM'),
  };
}
