import { request as open } from 'node:http';
import { read } from 'read';
import type { Ms } from '../../core/token.ts';

const MAX_INPUT = 256 * 1024;
/** Some 40,000 tokens with their conditions. */
const MAX_ANSWER = 64 * 1024 * 1024;
const PATIENCE: Ms = 5000;
const LONGEST_ANSWER: Ms = 30_000;
const LONGEST_WORK: Ms = 60_000;

/** Asks at the terminal without echo; `undefined` where standard input is no terminal. */
export function promptSilently(): ((question: string) => Promise<string>) | undefined {
  if (!process.stdin.isTTY) return undefined;
  return (question) => read({ prompt: question, silent: true, output: process.stderr });
}

/** All of standard input, at most 256 KiB. */
export async function readStandardInput(): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_INPUT) throw new Error(`Standard input is longer than ${MAX_INPUT} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** How much is read of an answer, and for how long. */
export interface ReadingLimits {
  readonly mostBytes?: number;
  /** Without a byte. */
  readonly idle?: Ms;
  /** In all. */
  readonly total?: Ms;
}

interface Text {
  readonly status: number;
  readonly body: string;
}

/** A plain GET of a status address. Rejects where the answer is longer, or takes longer, than the limits allow. */
export function getText(url: string, limits: ReadingLimits = {}): Promise<Text> {
  return exchangeText(url, undefined, limits);
}

/** A POST of JSON to a status address, whose answer may take as long as a token request and a revocation. */
export function postJson(url: string, body: object): Promise<Text> {
  return exchangeText(url, JSON.stringify(body), { idle: LONGEST_WORK, total: LONGEST_WORK });
}

function exchangeText(url: string, body: string | undefined, limits: ReadingLimits): Promise<Text> {
  const { mostBytes = MAX_ANSWER, idle = PATIENCE, total = LONGEST_ANSWER } = limits;
  const how = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' } };
  return new Promise((resolve, reject) => {
    const request = open(url, { ...how, timeout: idle, agent: false }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size <= mostBytes) return void parts.push(part);
        giveUp(`its answer is longer than ${mostBytes} bytes`);
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') });
      });
      response.on('error', reject);
    });
    const giveUp = (why: string): void => {
      // First, because destroying the response causes another error.
      reject(new Error(why));
      request.destroy();
    };
    const deadline = setTimeout(() => giveUp(`no whole answer within ${total / 1000} s`), total);
    request.on('timeout', () => giveUp(`no answer within ${idle / 1000} s`));
    request.on('error', reject);
    request.on('close', () => clearTimeout(deadline));
    request.end(body);
  });
}
