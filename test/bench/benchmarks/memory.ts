import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { allowInsecureRequests, ClientSecretBasic, Configuration, clientCredentialsGrant } from 'openid-client';
import { secret } from '../../support/secrets.ts';
import { type Benchmark, type Context, type Row, Scope } from '../benchmark.ts';
import { buildProgram, type Program, startAcquirer } from '../parts/acquirer.ts';
import { startPart } from '../parts/parts.ts';
import { makePlace } from '../parts/place.ts';
import type { TokenServerReady } from '../parts/token-server-main.ts';
import { bytes, milliseconds, number } from '../report/numbers.ts';
import { quantile } from '../statistics.ts';

const COUNTS = [1, 100, 1000, 10_000] as const;
/** Renewals are timed with this many tokens. */
const RENEWED = 1000;
const LIFETIME = 86_400;
/** By then every token has been looked at again, and what the start left is given back (adapters/node/idle-memory.ts). */
const IDLE = 40_000;
const SAMPLES = 5;
const A_TOKEN = 10_000;
/** Of `/proc/PID/stat`, on every Linux. */
const TICK_MS = 10;
/** As process.ts lets it make token requests. */
const AT_ONCE = 20;

export const memory: Benchmark = {
  name: 'memory',
  title: 'Memory with many tokens, and what a renewal costs',
  method: [
    `The bundle with ${COUNTS.map(number).join(', ')} tokens, each in a Secret of the directory store; anonymous memory (RssAnon) and proportional set size (PSS), medians over some seconds, when it has been idle for ${IDLE / 1000} s.`,
    `Compared with: the goal for a token, and the memory with 1 token. A renewal: processor time of ${number(RENEWED)} together, which a shorter interval causes, with credential and volume. Compared with: only the token request, by openid-client and fetch.`,
  ],
  async run(context) {
    const program = await buildProgram(context.scope);
    // The biggest by itself at last, the others side by side.
    const [one, hundred, thousand] = await Promise.all(
      COUNTS.slice(0, 3).map((tokens) => measure(context, program, tokens)),
    );
    const most = await measure(context, program, COUNTS[3]);
    const all = [one, hundred, thousand, most].filter((measured) => measured !== undefined);
    return [...rowsOf(all), renewalRow(all, await peerRequest(context.scope))];
  },
};

interface Measured {
  readonly tokens: number;
  /** Bytes. */
  readonly anonymous: number;
  readonly proportional: number;
  /** Milliseconds of processor time for each; `undefined` where none was brought about. */
  readonly renewal: number | undefined;
}

async function measure(context: Context, program: Program, tokens: number): Promise<Measured> {
  const scope = new Scope();
  try {
    context.tell(`${number(tokens)} ${tokens === 1 ? 'token' : 'tokens'}`);
    const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
    const { tokenEndpoint } = server.ready;
    const place = makePlace(scope, { tokens, tokenEndpoint, credentials: 'shared' });
    const { pid, counted, count } = await startAcquirer(scope, program, place);
    await counted('token-stored', tokens);
    await pause(IDLE);
    const samples: { anonymous: number; proportional: number }[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      samples.push(memoryOf(pid));
      await pause(500);
    }
    let renewal: number | undefined;
    if (tokens === RENEWED) {
      const [before, renewed] = [processorTime(pid), count('token-stored')];
      // Shorter than the tokens are old, so that all of them are due.
      writeFileSync(join(place.credentialOf(0), 'interval'), '5s');
      await counted('token-stored', renewed + tokens);
      renewal = (processorTime(pid) - before) / (count('token-stored') - renewed);
    }
    return {
      tokens,
      anonymous: quantile(
        samples.map(({ anonymous }) => anonymous),
        0.5,
      ),
      proportional: quantile(
        samples.map(({ proportional }) => proportional),
        0.5,
      ),
      renewal,
    };
  } finally {
    await scope.close();
  }
}

function rowsOf(all: readonly Measured[]): Row[] {
  const [one, , thousand, most] = all;
  const least = one?.anonymous ?? Number.NaN;
  const slope = ((most?.anonymous ?? 0) - (thousand?.anonymous ?? 0)) / ((most?.tokens ?? 0) - (thousand?.tokens ?? 0));
  return [
    {
      name: `a token, between ${number(RENEWED)} and ${number(COUNTS[3])}`,
      ours: bytes(slope),
      reference: `${bytes(A_TOKEN)} (goal)`,
      ratio: slope / A_TOKEN,
      goal: { text: `≤ ${bytes(A_TOKEN)}`, ratio: 1, met: slope <= A_TOKEN },
    },
    ...all.map(({ tokens, anonymous, proportional }) => ({
      name: tokens === 1 ? '1 token' : `${number(tokens)} tokens`,
      ours: `${bytes(anonymous)}, PSS ${bytes(proportional)}`,
      reference: `${bytes(least)} (1 token)`,
      ratio: anonymous / least,
    })),
  ];
}

function renewalRow(all: readonly Measured[], peer: number): Row {
  const renewal = all.find(({ tokens }) => tokens === RENEWED)?.renewal ?? Number.NaN;
  return {
    name: 'processor time for a renewal',
    ours: milliseconds(renewal),
    reference: milliseconds(peer),
    ratio: renewal / peer,
    against: 'peer',
  };
}

/** Milliseconds of processor time for a token request that is made and forgotten, as many in parallel as ours. */
async function peerRequest(scope: Scope): Promise<number> {
  const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
  const metadata = { issuer: 'http://127.0.0.1', token_endpoint: server.ready.tokenEndpoint };
  const configuration = new Configuration(metadata, 'peer', {}, ClientSecretBasic(secret('client-secret')));
  // oxlint-disable-next-line typescript/no-deprecated -- plain http on loopback
  allowInsecureRequests(configuration);
  const before = process.cpuUsage();
  for (let requests = 0; requests < RENEWED; requests += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => clientCredentialsGrant(configuration)));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / RENEWED;
}

function memoryOf(pid: number): { anonymous: number; proportional: number } {
  const kilobytes = (file: string, pattern: RegExp): number =>
    Number(pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1]) * 1024;
  return {
    anonymous: kilobytes('status', /^RssAnon:\s+(\d+)/m),
    proportional: kilobytes('smaps_rollup', /^Pss:\s+(\d+)/m),
  };
}

/** Bytes: `RssAnon` of the process. */
export function anonymousMemory(pid: number): number {
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Milliseconds that the process has used, in and outside the kernel, in all threads. */
export function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
