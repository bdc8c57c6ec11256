// Runs in a pod: calls at a steady rate with several tokens, and prints a line each second.
import { AsyncLocalStorage } from 'node:async_hooks';
import { request } from 'node:https';
import { join } from 'node:path';
import { authorizedFetch, type Fetch, mountedTokens } from '../../../src/client/index.ts';
import type { FailedCall } from '../parts/caller-messages.ts';
import { Pace } from '../parts/pace.ts';
import { storedToken, thrown } from '../parts/stored-token.ts';
import { type CuredCall, INSTRUCTIONS, type PodInstructions, type PodReport } from './pod-messages.ts';

const PROBE_EVERY = 250;
const PROBE_PATIENCE = 1000;
const A_SECOND = 1000;

interface Seen {
  rejected: boolean;
}

interface Calling {
  readonly app: string;
  readonly file: string;
  readonly call: Fetch;
  problem?: FailedCall['problem'];
}

const instructions = JSON.parse(process.env[INSTRUCTIONS] ?? '') as PodInstructions;
const { gateway, rate, url } = instructions;
const seen = new AsyncLocalStorage<Seen>();
let calls = 0;
let unanswered = 0;
let reports = 0;
const cured: CuredCall[] = [];
const failed: FailedCall[] = [];
const answered: number[] = [];

/** Node's own, which notes a rejection for the call that it belongs to. */
const noting: Fetch = async (input, init) => {
  const answer = await fetch(input, init);
  const store = seen.getStore();
  if (store !== undefined && answer.status === 401) store.rejected = true;
  return answer;
};

function open({ secret, name }: PodInstructions['tokens'][number]): Promise<Calling> {
  const { namespace, callerTokenFile } = instructions;
  const directory = join(instructions.directory, secret);
  const tokens = mountedTokens({
    directory,
    reissue: { url, namespace, secret, callerTokenFile, caFile: join(directory, 'ca.crt') },
    onFault: ({ message }) => {
      calling.problem = { text: message, at: Date.now() };
    },
  });
  const source = tokens.source(name);
  const call = authorizedFetch(source, { origins: [new URL(gateway).origin], allowPlainHttp: true, fetch: noting });
  const calling: Calling = { app: name, file: join(directory, name), call };
  return source.ready().then(() => calling);
}

async function callOnce(calling: Calling): Promise<void> {
  const { app, file } = calling;
  const began = Date.now();
  const store: Seen = { rejected: false };
  const outcome = await seen.run(store, () => outcomeOf(calling.call));
  const ended = Date.now();
  calls += 1;
  if (outcome === '200' && store.rejected) cured.push({ app, began, took: ended - began });
  if (outcome === '200') return;
  const { problem } = calling;
  const stored = await storedToken(file, gateway, ended);
  failed.push({ app, began, ended, outcome, stored, ...(problem === undefined ? {} : { problem }) });
}

async function outcomeOf(call: Fetch): Promise<string> {
  try {
    const answer = await call(gateway);
    await answer.arrayBuffer();
    return String(answer.status);
  } catch (error) {
    return thrown(error);
  }
}

/** Any answer of the endpoint counts: a replica runs. */
function probe(): void {
  const call = request(`${url}/v1/probe`, { agent: false, rejectUnauthorized: false, timeout: PROBE_PATIENCE });
  call.on('response', (answer) => {
    answer.resume();
    answered.push(Date.now());
  });
  call.on('timeout', () => call.destroy(new Error('The probe took too long.')));
  call.on('error', () => {
    unanswered += 1;
  });
  call.end();
}

function print(): void {
  const report: PodReport = {
    event: 'calls',
    number: (reports += 1),
    at: Date.now(),
    calls,
    cured: cured.splice(0),
    failed: failed.splice(0),
    answered: answered.splice(0),
    unanswered,
  };
  calls = 0;
  unanswered = 0;
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

process.on('SIGTERM', () => process.exit());
const all = await Promise.all(instructions.tokens.map(open));
setInterval(probe, PROBE_EVERY);
setInterval(print, A_SECOND);
new Pace(rate, async (number) => {
  const calling = all[number % all.length];
  if (calling !== undefined) await callOnce(calling);
}).begin();
