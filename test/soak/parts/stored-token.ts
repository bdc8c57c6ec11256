import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../src/core/errors.ts';
import { KEY, type StoredThen } from './caller-messages.ts';

/** Looks what the file of the token has after a call has failed, and whether the gateway accepts that. */
export async function storedToken(file: string, gateway: string, ended: number): Promise<StoredThen> {
  try {
    const token = readFileSync(file, 'utf8');
    const age = ended - statSync(file).mtimeMs;
    return { verdict: await verdictOn(token, gateway), age };
  } catch {
    return { verdict: 'none', age: 0 };
  }
}

async function verdictOn(token: string, gateway: string): Promise<StoredThen['verdict']> {
  try {
    const answer = await fetch(gateway, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 'unknown';
  }
}

/** What a call threw, with the code of its cause. */
export function thrown(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = error.cause === undefined ? undefined : systemCode(error.cause);
  return `${error.name}: ${error.message}${code === undefined ? '' : ` (${code})`}`;
}

export interface ReadToken {
  readonly token: string;
  /** Whether both keys are of one token. */
  readonly whole: boolean;
}

/** Reads both keys as a careful program does: from the one state that `..data` leads to. */
export function readBoth(directory: string): ReadToken {
  for (let tries = 0; ; tries += 1) {
    const state = readlinkSync(join(directory, '..data'));
    try {
      const [token, text] = [KEY, `${KEY}.json`].map((key) => readFileSync(join(directory, state, key), 'utf8'));
      return { token: token ?? '', whole: accessTokenIn(text ?? '') === token };
    } catch (error) {
      if (tries > 3 || readlinkSync(join(directory, '..data')) === state) throw error;
    }
  }
}

function accessTokenIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { access_token?: unknown }).access_token;
  } catch {
    return undefined;
  }
}
