import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { authorizedFetch, mountedTokens } from '../../../src/client/index.ts';
import type { TokenDocument } from '../../../src/core/token-volume.ts';
import { type Benchmark, type Context, type Row, Scope } from '../benchmark.ts';
import { buildProgram, type Program, startAcquirer } from '../parts/acquirer.ts';
import { startFailingServer } from '../parts/failing-server.ts';
import { startPart } from '../parts/parts.ts';
import { makePlace, NAMESPACE, TOKEN } from '../parts/place.ts';
import type { TokenServerReady } from '../parts/token-server-main.ts';
import { bytes, milliseconds, number } from '../report/numbers.ts';
import { processorTime } from './memory.ts';

const SIZES = [100, 1000, 10_000] as const;
const LIFETIME = 86_400;
/** By then what the start left is given back (adapters/node/idle-memory.ts). */
const IDLE = 40_000;
const SLOPE = 1.1;
const A_TOKEN = 10_000;
/** In seconds, and the part of it for which the token endpoint is cut off from the renewal on. */
const [SHORT, OUTAGE] = [30, 0.3];
/** Milliseconds between two calls. */
const EVERY = 20;

export const directory: Benchmark = {
  name: 'directory',
  title: 'Many tokens that are due together, in a token directory',
  method: [
    `The bundle with ${SIZES.map(number).join(', ')} tokens of one credential, each in a Secret of the directory store. A shorter interval makes all of them due together. Processor time and memory are those of the process; the peak is the most that was resident.`,
    `Slope: of the logarithm of what all tokens take together, from ${number(SIZES[0])} to ${number(SIZES[2])} tokens; 1 is as many times as there are tokens. Outage: the token endpoint is cut off for ${OUTAGE} lifetimes of ${SHORT} s from the renewal on, under ${1000 / EVERY} calls a second.`,
  ],
  async run(context) {
    const program = await buildProgram(context.scope);
    const measured: Measured[] = [];
    for (const tokens of SIZES) measured.push(await measure(context, program, tokens));
    const [least] = measured;
    const rows = measured.flatMap((one) => rowsOf(one, least ?? one));
    return [...rows, ...slopes(measured), await outage(context, program)];
  },
};

interface Measured {
  readonly tokens: number;
  /** Milliseconds of processor time for a renewal. */
  readonly processor: number;
  /** Renewals in a minute. */
  readonly rate: number;
  /** Bytes. */
  readonly idle: number;
  readonly empty: number;
  readonly peak: number;
}

async function measure({ tell }: Context, program: Program, tokens: number): Promise<Measured> {
  const scope = new Scope();
  try {
    tell(`${number(tokens)} tokens`);
    const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
    const { tokenEndpoint } = server.ready;
    const place = makePlace(scope, { tokens, tokenEndpoint, credentials: 'shared' });
    const { pid, counted, count } = await startAcquirer(scope, program, place);
    await counted('token-stored', tokens);
    await pause(IDLE);
    const idle = memoryOf(pid, 'RssAnon');
    const [before, stored, began] = [processorTime(pid), count('token-stored'), performance.now()];
    // Shorter than the tokens are old, so that all of them are due.
    writeFileSync(join(place.credentialOf(0), 'interval'), '20s');
    await counted('token-stored', stored + tokens);
    const renewed = count('token-stored') - stored;
    const processor = (processorTime(pid) - before) / renewed;
    const rate = (60_000 * renewed) / (performance.now() - began);
    const empty = await emptyProcess(program);
    return { tokens, processor, rate, idle, empty, peak: memoryOf(pid, 'VmHWM') };
  } finally {
    await scope.close();
  }
}

/** Anonymous memory of a process with one token. */
async function emptyProcess(program: Program): Promise<number> {
  const scope = new Scope();
  try {
    const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
    const { tokenEndpoint } = server.ready;
    const place = makePlace(scope, { tokens: 1, tokenEndpoint, credentials: 'shared' });
    const { pid, counted } = await startAcquirer(scope, program, place);
    await counted('token-stored', 1);
    await pause(IDLE);
    return memoryOf(pid, 'RssAnon');
  } finally {
    await scope.close();
  }
}

function rowsOf({ tokens, processor, rate, idle, empty, peak }: Measured, least: Measured): Row[] {
  const each = (idle - empty) / tokens;
  const name = (what: string): string => `${number(tokens)} tokens: ${what}`;
  const isMost = tokens === SIZES.at(-1);
  return [
    {
      name: name('renewals a minute'),
      ours: number(rate),
      reference: `${number(tokens)} (tokens)`,
      ratio: rate / tokens,
    },
    {
      name: name('processor time for a renewal'),
      ours: milliseconds(processor),
      reference: `${milliseconds(least.processor)} (${number(least.tokens)} tokens)`,
      ratio: processor / least.processor,
    },
    {
      name: name('memory for a token'),
      ours: bytes(each),
      reference: `${bytes(A_TOKEN)} (goal)`,
      ratio: each / A_TOKEN,
      ...(isMost && { goal: { text: `≤ ${bytes(A_TOKEN)}`, ratio: 1, met: each <= A_TOKEN } }),
    },
    { name: name('most memory'), ours: bytes(peak), reference: `${bytes(idle)} (idle)`, ratio: peak / idle },
  ];
}

/** How fast the cost of all tokens together grows with their number. */
function slopes(measured: readonly Measured[]): Row[] {
  const [least, most] = [measured[0], measured.at(-1)];
  if (least === undefined || most === undefined) return [];
  const slope = (cost: (one: Measured) => number): number =>
    Math.log(cost(most) / cost(least)) / Math.log(most.tokens / least.tokens);
  const row = (name: string, value: number): Row => ({
    name,
    ours: value.toFixed(2),
    reference: '1 (as many times as tokens)',
    ratio: value,
    goal: { text: `≤ ${SLOPE}`, ratio: SLOPE, met: value <= SLOPE },
  });
  return [
    row(
      'slope of the processor time',
      slope(({ processor, tokens }) => processor * tokens),
    ),
    row(
      'slope of the memory',
      slope(({ idle, empty }) => idle - empty),
    ),
  ];
}

/** Calls that succeed while no token can be had. */
async function outage({ tell, scope }: Context, program: Program): Promise<Row> {
  tell(`an outage of ${OUTAGE} lifetimes`);
  const server = await startFailingServer(scope, SHORT);
  const place = makePlace(scope, { tokens: 1, tokenEndpoint: server.tokenEndpoint, credentials: 'shared' });
  const acquirer = await startAcquirer(scope, program, place);
  await acquirer.counted('token-stored', 1);
  const reissue = { url: acquirer.url, namespace: NAMESPACE, secret: place.secretOf(0) };
  const tokens = mountedTokens({
    directory: place.volumeOf(0),
    reissue: { ...reissue, callerTokenFile: place.callerTokenOf(0) },
  });
  scope.add(() => tokens.close());
  const source = tokens.source(TOKEN);
  await source.ready();
  const call = authorizedFetch(source, { origins: [new URL(server.service).origin] });
  const { renew_at: renewAt } = JSON.parse(
    readFileSync(join(place.volumeOf(0), `${TOKEN}.json`), 'utf8'),
  ) as TokenDocument;
  await pause(Date.parse(renewAt) - Date.now());
  server.cutOff(true);
  const end = performance.now() + 1000 * SHORT * OUTAGE;
  const calls: Promise<boolean>[] = [];
  while (performance.now() < end) {
    calls.push(succeeds(call(server.service)));
    await pause(EVERY);
  }
  server.cutOff(false);
  await acquirer.counted('token-stored', 2);
  const outcomes = await Promise.all(calls);
  const succeeded = outcomes.filter(Boolean).length;
  return {
    name: `calls that succeeded in an outage of ${OUTAGE} lifetimes`,
    ours: number(succeeded),
    reference: `${number(outcomes.length)}, with ${number(server.requests.failed)} token requests that failed`,
    ratio: succeeded / outcomes.length,
    goal: { text: 'all', ratio: 1, met: succeeded === outcomes.length },
  };
}

async function succeeds(answer: Promise<Response>): Promise<boolean> {
  try {
    const response = await answer;
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Bytes, of `/proc/PID/status`. */
function memoryOf(pid: number, field: 'RssAnon' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) * 1024;
}
