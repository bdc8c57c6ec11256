import { setTimeout as pause } from 'node:timers/promises';
import { mountedTokens, TokenNotYetAvailable, type TokenSource } from '../../../src/client/index.ts';
import { atMost, type Benchmark, type Row, type Scope } from '../benchmark.ts';
import { buildProgram, type Program, startAcquirer } from '../parts/acquirer.ts';
import { type Part, startPart } from '../parts/parts.ts';
import { makePlace, TOKEN } from '../parts/place.ts';
import type { TokenServerReady } from '../parts/token-server-main.ts';
import { number } from '../report/numbers.ts';
import { meanCount, sum } from '../statistics.ts';
import { simulateRenewals } from './simulated-renewals.ts';

const LIFETIME = 3;
const TOKENS = 10;
const MANY = 50;
/** The floor is counted over this time; it is watched for one lifetime longer, so that windows can begin anywhere. */
const WINDOW = 45;
const WARM_UP = 4;
const READ_EVERY = 100;
const SIMULATED = [30, 300] as const;
const LIFETIMES = 500;
const GOAL = 1.55;

export const requestsOverFloor: Benchmark = {
  name: 'requests',
  title: 'Token requests over time, for tokens of lifetime L',
  method: [
    `L = ${LIFETIME} s: the real process in real time, ${TOKENS} tokens with 1 and ${TOKENS} with ${MANY} clients each, which read the volume ten times a second; the mean over all windows of T = ${WINDOW} s. The floor is ⌈T/L⌉.`,
    `L = 30 s and 300 s: the token-acquirer's own cycle and the client's own source with a simulated clock, T = ${LIFETIMES} L. A client that finds no valid token ends the run.`,
  ],
  async run({ scope, tell }) {
    tell(`${WARM_UP + WINDOW + LIFETIME} s of tokens that live for ${LIFETIME} s`);
    const program = await buildProgram(scope);
    const [one, many] = await Promise.all([1, MANY].map((clients) => observe(scope, program, clients)));
    tell(`lifetimes of ${SIMULATED.join(' s, ')} s, simulated`);
    return [...rowsOf(LIFETIME, { one: one ?? 0, many: many ?? 0, floor: WINDOW / LIFETIME }), ...(await simulated())];
  },
};

async function simulated(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const lifetime of SIMULATED) {
    const one = await simulateRenewals({ lifetime, lifetimes: LIFETIMES, clients: 1 });
    const many = await simulateRenewals({ lifetime, lifetimes: LIFETIMES, clients: MANY });
    rows.push(...rowsOf(lifetime, { one, many, floor: LIFETIMES }));
  }
  return rows;
}

interface Counts {
  readonly one: number;
  readonly many: number;
  readonly floor: number;
}

function rowsOf(lifetime: number, { one, many, floor }: Counts): Row[] {
  const name = `L = ${lifetime} s`;
  return [
    {
      name: `${name}, 1 client`,
      ours: number(one),
      reference: `${floor} (floor)`,
      ratio: one / floor,
      against: 'floor',
      goal: atMost(GOAL, one / floor),
    },
    {
      name: `${name}, ${MANY} clients`,
      ours: number(many),
      reference: `${number(one)} (1 client)`,
      ratio: many / one,
      goal: { text: 'the same', ratio: 1, met: Math.abs(many / one - 1) <= SAME && atMost(GOAL, many / floor).met },
    },
  ];
}

/** What chance makes of the jitter of some 230 renewals, three times over. */
const SAME = 0.02;

/** Token requests in a window, for each token, while so many clients read each. */
async function observe(scope: Scope, program: Program, clients: number): Promise<number> {
  const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
  const { tokenEndpoint } = server.ready;
  const place = makePlace(scope, { tokens: TOKENS, tokenEndpoint, credentials: 'each' });
  const acquirer = await startAcquirer(scope, program, place);
  await acquirer.counted('token-stored', TOKENS);
  const volumes = Array.from({ length: TOKENS * clients }, (_, client) => place.volumeOf(client % TOKENS));
  const sources = await Promise.all(volumes.map((directory) => openSource(scope, directory)));
  const failed = readOn(scope, sources);
  await pause(WARM_UP * 1000);
  const from = performanceNow();
  await pause((WINDOW + LIFETIME) * 1000);
  if (failed() > 0) throw new Error(`${failed()} reads found no valid token.`);
  return meanRequests(server, from);
}

async function openSource(scope: Scope, directory: string): Promise<TokenSource> {
  const tokens = mountedTokens({ directory });
  scope.add(() => tokens.close());
  const source = tokens.source(TOKEN);
  await source.ready();
  return source;
}

/** Reads all sources again and again, as calls do. The result counts how often there was no token. */
function readOn(scope: Scope, sources: readonly TokenSource[]): () => number {
  let failed = 0;
  const timer = setInterval(() => {
    for (const source of sources) {
      try {
        source.current();
      } catch (error) {
        if (!(error instanceof TokenNotYetAvailable)) throw error;
        failed += 1;
      }
    }
  }, READ_EVERY);
  scope.add(() => clearInterval(timer));
  return () => failed;
}

async function meanRequests(server: Part<TokenServerReady>, from: number): Promise<number> {
  const requests = await server.ask<readonly (readonly [client: string, at: number])[]>({ what: 'times' });
  const clients = [...new Set(requests.map(([client]) => client))];
  const to = from + (WINDOW + LIFETIME) * 1000;
  const counts = clients.map((client) => {
    const times = requests.filter(([who]) => who === client).map(([, at]) => at);
    return meanCount(times, WINDOW * 1000, [from, to]);
  });
  return sum(counts) / counts.length;
}

/** The machine's monotonic clock, the same in all processes. */
function performanceNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
