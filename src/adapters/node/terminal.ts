import { get } from 'node:http';
import { read } from 'read';

const MAX_INPUT = 256 * 1024;
const PATIENCE = 5000;

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

/** A plain GET of a status address. */
export function getText(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { timeout: PATIENCE, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)));
    request.on('error', reject);
  });
}
