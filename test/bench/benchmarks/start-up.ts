import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { atMost, type Benchmark, type Row, type Scope } from '../benchmark.ts';
import { buildProgram, type Program } from '../parts/acquirer.ts';
import { endProcess, startPart } from '../parts/parts.ts';
import { makePlace, type Place, TOKEN } from '../parts/place.ts';
import type { TokenServerReady } from '../parts/token-server-main.ts';
import { milliseconds } from '../report/numbers.ts';
import { median } from '../statistics.ts';

const PEER = join(import.meta.dirname, '../parts/kubernetes-client-main.mjs');
const ROUNDS = 13;
const GOAL = 0.5;
const LIFETIME = 3600;

export const startUp: Benchmark = {
  name: 'start',
  title: 'From the start of the process to the first token stored',
  method: [
    `The bundle with its compile cache, started with an empty token directory and a token endpoint on loopback; medians of ${ROUNDS} starts, in turns, after one that is not counted.`,
    'Compared with: a process that imports @kubernetes/client-node and does nothing, until it has done so; as anyone would start it, and with its own compile cache.',
  ],
  async run({ scope, tell }) {
    const program = await buildProgram(scope);
    const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
    const { tokenEndpoint } = server.ready;
    const place = makePlace(scope, { tokens: 1, tokenEndpoint, credentials: 'shared' });
    const { NODE_COMPILE_CACHE: _, ...plain } = program.env;
    const times: Times = { ours: [], plain: [], cached: [] };
    tell(`${ROUNDS} starts of each`);
    for (let round = 0; round <= ROUNDS; round += 1) {
      const sample = {
        ours: await timeOurs(scope, program, place),
        plain: await timePeer(scope, plain),
        cached: await timePeer(scope, program.env),
      };
      // The first one fills the caches.
      if (round > 0) for (const who of ['ours', 'plain', 'cached'] as const) times[who].push(sample[who]);
    }
    return rowsOf(times);
  },
};

type Times = Readonly<Record<'ours' | 'plain' | 'cached', number[]>>;

function rowsOf({ ours, plain, cached }: Times): Row[] {
  const mine = median(ours);
  const row = (name: string, peer: number): Row => {
    return { name, ours: milliseconds(mine), reference: milliseconds(peer), ratio: mine / peer, against: 'peer' };
  };
  const first = row('compared with the import', median(plain));
  return [{ ...first, goal: atMost(GOAL, first.ratio) }, row('compared with it and a compile cache', median(cached))];
}

async function timeOurs(scope: Scope, program: Program, place: Place): Promise<number> {
  rmSync(place.volumeOf(0), { recursive: true, force: true });
  const stored = join(place.volumeOf(0), '..data', `${TOKEN}.json`);
  const started = performance.now();
  const child = spawn(process.execPath, [...program.flags, program.file, 'run', ...place.args], {
    env: program.env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  scope.add(() => endProcess(child));
  while (!existsSync(stored)) {
    if (child.exitCode !== null) throw new Error(`The token-acquirer ended with code ${child.exitCode}.`);
    await pause(1);
  }
  const took = performance.now() - started;
  // In order, because the compile cache is written then.
  await endProcess(child, 'SIGTERM');
  return took;
}

async function timePeer(scope: Scope, env: Readonly<Record<string, string>>): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [PEER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  scope.add(() => endProcess(child));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  const took = performance.now() - started;
  if (child.exitCode === null) await once(child, 'exit');
  return took;
}
