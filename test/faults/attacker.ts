import { readFileSync } from 'node:fs';
import type { StageOptions } from '../e2e/stage.ts';
import type { World } from './world.ts';

export const TOKEN_PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';

/** A call of somebody who means harm. */
export interface AttackerCall {
  readonly path?: string;
  /** By default the token of the client of the world. */
  readonly bearer?: string | undefined;
  readonly rejected?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AttackerAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** Calls the reissue endpoint of the world. Without anything given, it asks for the successor of the current token. */
export async function attack(world: World, call: AttackerCall = {}): Promise<AttackerAnswer> {
  const { path = `${TOKEN_PATH}/reissue`, rejected = world.document.sha256, headers = {} } = call;
  const bearer = 'bearer' in call ? call.bearer : callerOf(world);
  const url = `${await world.acquirer.url('reissue')}${path}`;
  const request = {
    method: 'POST',
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify({ rejected_sha256: rejected }),
  };
  // A kept connection may be closed by the other side at the moment that it is used again.
  const first = await fetch(url, request).catch(() => fetch(url, request));
  // On a very busy machine this process may take longer to send a request than the endpoint waits.
  const answer = first.status === 408 ? await fetch(url, request) : first;
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

export function callerOf({ stage }: World): string {
  return readFileSync(stage.workplace.callerToken, 'utf8').trim();
}

/** Has the token-acquirer of a world load a configuration that it must reject. Returns what it says. */
export async function rejectionOf(world: World, options: StageOptions): Promise<string> {
  const before = world.acquirer.count('configuration-refused');
  world.configure(options);
  return JSON.stringify(await world.acquirer.logged('configuration-refused', before + 1, 60_000));
}

/** Waits until the token is so old that another one may be requested. */
export async function ofAge(world: World): Promise<void> {
  await world.goOn(Math.max(0, Date.parse(world.document.issued_at) + 1200 - Date.now()));
}
