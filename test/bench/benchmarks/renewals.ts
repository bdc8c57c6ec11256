import { setTimeout as pause } from 'node:timers/promises';
import { type Benchmark, type Context, type Goal, type Row, Scope } from '../benchmark.ts';
import { buildProgram, type Program, type RunningAcquirer, startAcquirer } from '../parts/acquirer.ts';
import { type ControlPlane, type RequestCounts, startControlPlane } from '../parts/control-plane.ts';
import type { LoopDelay } from '../parts/loop-delay.ts';
import { type Part, startPart } from '../parts/parts.ts';
import type { PatcherAnswer } from '../parts/patcher-main.ts';
import { makeSecrets, type SharedSecrets, shareSecrets } from '../parts/shared-secrets.ts';
import type { TokenServerReady } from '../parts/token-server-main.ts';
import { bytes, milliseconds, number } from '../report/numbers.ts';
import { median } from '../statistics.ts';
import { anonymousMemory, processorTime } from './memory.ts';

const SIZES = [100, 1000, 5000, 10_000];
const EACH = 10;
/** Long enough that no token is due before it is made due, short enough that one that is forgotten expires. */
const LIFETIME = 900;
/** Of a JWT with some claims. */
const LENGTH = 1200;
const ROUNDS = 2;
const NEVER = '1h';
/** By then what the start left is given back (adapters/node/idle-memory.ts), and every Secret was looked at. */
const SETTLED = 15_000;
const A_MINUTE = 60_000;
const LOOP = new URL('../parts/loop-delay.ts', import.meta.url).pathname;

export const renewals: Benchmark = {
  name: 'renewals',
  title: 'Many tokens that are due together, in Secrets of a real API server',
  method: [
    `The bundle with ${SIZES.map(number).join(', ')} tokens of ${LENGTH} characters, ${EACH} in each Secret of a real kube-apiserver with etcd, and a token endpoint on loopback. A shorter interval makes all of them due in one moment, ${ROUNDS} times.`,
    `Compared with: plain patches of like Secrets, 16 together, in turns with ours on the same API server; one request for each renewal; and the same with ${number(SIZES[0] ?? 0)} tokens.`,
  ],
  async run(context) {
    const program = await buildProgram(context.scope);
    const measured: Measured[] = [];
    for (const tokens of context.sizes ?? SIZES) {
      measured.push(await measure(context, program, tokens));
      context.tell(lineOf(measured.at(-1) as Measured));
    }
    const [least] = measured;
    return measured.flatMap((one) => rowsOf(one, least ?? one));
  },
};

/** One moment in which all tokens were due. */
interface Round {
  /** Renewals in a minute, and patches in a minute by others before and after. */
  readonly rate: number;
  readonly ceiling: number;
  /** Milliseconds of processor time for a renewal. */
  readonly processor: number;
  readonly requests: RequestCounts;
  readonly loop: LoopDelay;
  /** Of the stored tokens, before the first of them was renewed. */
  readonly expired: number;
}

interface Measured {
  readonly tokens: number;
  /** A minute: tokens that were stored after the first start. */
  readonly cold: number;
  readonly rounds: readonly Round[];
  /** Bytes: without a token, when nothing happens, and the most. */
  readonly idle: number;
  readonly peak: number;
  readonly looks: RequestCounts;
  readonly expired: number;
}

async function measure(context: Context, program: Program, tokens: number): Promise<Measured> {
  const scope = new Scope();
  try {
    context.tell(`${number(tokens)} tokens`);
    const plane = await startControlPlane(scope);
    const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME, length: LENGTH });
    const place = await shareSecrets(scope, plane, { tokens, each: EACH, ...server.ready });
    const patcher = await startPatcher(scope, plane, Math.ceil(tokens / EACH));
    place.setInterval(NEVER);
    const began = performance.now();
    const acquirer = await startAcquirer(scope, withFlags(program, context), place);
    const peak = mostMemory(scope, acquirer.pid);
    await acquirer.counted('token-stored', tokens);
    const cold = (tokens * A_MINUTE) / (performance.now() - began);
    const rounds: Round[] = [];
    const run = { acquirer, patcher, place, plane, tokens };
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.push(await makeDue(run));
      context.tell(roundText(rounds.at(-1) as Round));
    }
    await pause(SETTLED);
    const before = await plane.requests();
    await pause(LOOKED);
    const looks = difference(await plane.requests(), before);
    const measured = { tokens, cold, rounds, idle: anonymousMemory(acquirer.pid), peak: peak(), looks };
    // A profile is written at the end of the program.
    await acquirer.end();
    return { ...measured, expired: rounds.reduce((sum, round) => sum + round.expired, 0) };
  } finally {
    await scope.close();
  }
}

/** Each Secret is looked at in this time. */
const LOOKED = 30_000;

interface Run {
  readonly acquirer: RunningAcquirer;
  readonly patcher: Part<unknown>;
  readonly place: SharedSecrets;
  readonly plane: ControlPlane;
  readonly tokens: number;
}

/** Waits until all tokens are old enough, makes them due together, and resolves when all were renewed. */
async function makeDue({ acquirer, patcher, place, plane, tokens }: Run): Promise<Round> {
  // Longer than the renewal of all takes, so that none is renewed twice.
  const age = 10_000 + 6 * tokens;
  const patches = Math.min(2000, Math.max(500, tokens / 2));
  place.setInterval(NEVER);
  await pause(age);
  const ceilingBefore = await ceilingOf(patcher, patches);
  const expired = await place.expired();
  await acquirer.ask<LoopDelay>('loop');
  const [requests, processor, stored] = [
    await plane.requests(),
    processorTime(acquirer.pid),
    acquirer.count('token-stored'),
  ];
  const began = performance.now();
  place.setInterval(`${Math.floor(age / 1000)}s`);
  await acquirer.counted('token-stored', stored + tokens);
  const took = performance.now() - began;
  const renewed = acquirer.count('token-stored') - stored;
  const used = processorTime(acquirer.pid) - processor;
  place.setInterval(NEVER);
  const loop = await acquirer.ask<LoopDelay>('loop');
  const asked = difference(await plane.requests(), requests);
  const ceiling = (ceilingBefore + (await ceilingOf(patcher, patches))) / 2;
  return {
    rate: (renewed * A_MINUTE) / took,
    ceiling,
    processor: used / renewed,
    requests: perRenewal(asked, renewed),
    loop,
    expired,
  };
}

/** Plain patches in a minute. */
async function ceilingOf(patcher: Part<unknown>, patches: number): Promise<number> {
  return (patches * A_MINUTE) / (await patcher.ask<PatcherAnswer>({ patches }));
}

async function startPatcher(scope: Scope, plane: ControlPlane, count: number): Promise<Part<unknown>> {
  const keys = Array.from({ length: EACH }, (_unused, token) => [`token-${token}`, `token-${token}.json`]).flat();
  const data = Object.fromEntries(keys.map((key) => [key, '']));
  const secrets = await makeSecrets(plane, { name: 'plain', count, data });
  const { server, authority, token } = plane;
  const patcher = await startPart(scope, 'patcher', {
    server,
    authority,
    token,
    secrets,
    tokens: EACH,
    length: LENGTH,
  });
  // Each is as large as ours then.
  await patcher.ask<PatcherAnswer>({ patches: count * EACH });
  return patcher;
}

function withFlags(program: Program, { profile }: Context): Program {
  const profiled = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  return { ...program, flags: [...program.flags, '--import', LOOP, ...profiled] };
}

/** Returns how to ask for the most anonymous memory so far. */
function mostMemory(scope: Scope, pid: number): () => number {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, anonymousMemory(pid));
  };
  const timer = setInterval(look, 100);
  scope.add(() => clearInterval(timer));
  return () => most;
}

function difference(after: RequestCounts, before: RequestCounts): RequestCounts {
  return Object.fromEntries(Object.entries(after).map(([verb, count]) => [verb, count - (before[verb] ?? 0)]));
}

function perRenewal(counts: RequestCounts, renewed: number): RequestCounts {
  return Object.fromEntries(Object.entries(counts).map(([verb, count]) => [verb, count / renewed]));
}

function total(counts: RequestCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function goal(text: string, ratio: number, met: boolean): Goal {
  return { text, ratio, met };
}

function rowsOf({ tokens, rounds, idle, peak, looks, expired }: Measured, least: Measured): Row[] {
  const of = (figure: (round: Round) => number, among = rounds): number => median(among.map(figure));
  const name = (what: string): string => `${number(tokens)} tokens: ${what}`;
  const [rate, share] = [of((round) => round.rate), of((round) => round.rate / round.ceiling)];
  const processor = of((round) => round.processor);
  const requests = of((round) => total(round.requests));
  const reference = of((round) => round.processor, least.rounds);
  const loop = of((round) => round.loop.p99);
  const isLarge = tokens >= 1000;
  const slope = tokens === least.tokens ? 0 : (idle - least.idle) / (tokens - least.tokens);
  return [
    {
      name: name('renewals a minute'),
      ours: number(rate),
      reference: `${number(of((round) => round.ceiling))} (plain patches)`,
      ratio: share,
      ...(isLarge && { goal: goal('≥ 15,000 and ≥ 0.50 ×', 0.5, rate >= 15_000 && share >= 0.5) }),
    },
    {
      name: name('API requests for a renewal'),
      ours: number(requests),
      reference: '1 (a patch)',
      ratio: requests,
      goal: goal('≤ 1.05 ×', 1.05, requests <= 1.05),
    },
    {
      name: name('processor time for a renewal'),
      ours: milliseconds(processor),
      reference: `${milliseconds(reference)} (${number(least.tokens)} tokens)`,
      ratio: processor / reference,
      goal: goal('≤ 1.1 ×', 1.1, processor / reference <= 1.1),
    },
    {
      name: name('memory when idle, for each token more'),
      ours: `${bytes(slope)}; idle ${bytes(idle)}, most ${bytes(peak)}`,
      reference: '10 kB',
      ratio: slope / 10_000,
      goal: goal('≤ 10 kB', 1, slope <= 10_000),
    },
    { name: name('event loop late, p99'), ours: milliseconds(loop), reference: '100 ms', ratio: loop / 100 },
    {
      name: name('API requests in 30 s when nothing is due'),
      ours: number(total(looks)),
      reference: `${number(tokens / EACH)} (Secrets)`,
      ratio: (total(looks) * EACH) / tokens,
    },
    { name: name('expired'), ours: number(expired), reference: number(tokens), ratio: expired / tokens },
  ];
}

function roundText({ rate, ceiling, processor, requests, loop }: Round): string {
  const asked = Object.entries(requests).filter(([, count]) => count > 0.0005);
  const verbs = asked.map(([verb, count]) => `${verb} ${count.toFixed(3)}`).join(', ');
  return `due together: ${number(rate)} a minute, ${(rate / ceiling).toFixed(2)} of ${number(ceiling)}; ${milliseconds(processor)} of processor, ${verbs} for each; loop p99 ${milliseconds(loop.p99)}, most ${milliseconds(loop.most)}`;
}

function lineOf({ cold, idle, peak, looks, expired }: Measured): string {
  const asked = Object.entries(looks).filter(([, count]) => count > 0);
  const verbs = asked.map(([verb, count]) => `${verb} ${count}`).join(', ');
  return `cold ${number(cold)} a minute; idle ${bytes(idle)}, most ${bytes(peak)}; looks in 30 s: ${verbs}; expired ${expired}`;
}
