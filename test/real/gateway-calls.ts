import { setTimeout as pause } from 'node:timers/promises';
import { blamesToken } from '../../src/core/bearer.ts';
import type { EpochMs, Ms } from '../../src/core/token.ts';

export interface Refusal {
  readonly status: number;
  /** `WWW-Authenticate` as it is. */
  readonly challenge: string | null;
  /** Whether the client library takes it for a token error. */
  readonly blamesToken: boolean;
}

/** What a gateway answers to a call with this token, or with none. */
export async function callWith(gateway: { readonly url: string }, token?: string): Promise<Refusal> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${gateway.url}/incidents`, { headers });
  await response.arrayBuffer();
  const challenge = response.headers.get('www-authenticate');
  return { status: response.status, challenge, blamesToken: blamesToken(challenge) };
}

/**
 * Waits while the gateway lets the token pass; resolves with when it no longer did, and what it answered then. A gateway
 * that could not reach the authorization server for a moment rejects valid tokens too, so one rejection is not enough.
 */
export async function firstRefusal(
  gateway: { readonly url: string },
  token: string,
  within: Ms,
): Promise<Refusal & { readonly at: EpochMs }> {
  const until = Date.now() + within;
  let first: EpochMs | undefined;
  for (;;) {
    const answer = await callWith(gateway, token);
    if (answer.status === 200) first = undefined;
    else if (first === undefined) first = Date.now();
    else return { ...answer, at: first };
    if (Date.now() > until) throw new Error(`The gateway still let the token pass after ${within} ms.`);
    await pause(50);
  }
}
