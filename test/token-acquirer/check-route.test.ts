import { once } from 'node:events';
import { type IncomingMessage, request as open } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createListener,
  listen,
  parseAddress,
  refuseForeignPages,
} from '../../src/token-acquirer/endpoints/listener.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { addStatusRoutes } from '../../src/token-acquirer/endpoints/status-routes.ts';
import { createWorld, NO_SHARDS, type Started, start } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

interface Call {
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly method?: string;
}

async function opened(): Promise<{
  started: Started;
  call: (given?: Call) => Promise<{ status: number; body: string }>;
}> {
  const world = createWorld();
  const started = await start(world);
  app = createListener(undefined);
  refuseForeignPages(app);
  const metrics = async () => ({ contentType: 'text/plain', text: '' });
  const status = new ProcessStatus(started.clock);
  addStatusRoutes(app, { acquirer: started.acquirer, clock: started.clock, status, metrics, shards: NO_SHARDS });
  const { port } = new URL(await listen(app, parseAddress(':0', '--status-listen'), '--status-listen'));
  const call = async ({
    host = '127.0.0.1',
    headers = {},
    body = '{"name":"dynamics"}',
    method = 'POST',
  }: Call = {}) => {
    const request = open(new URL('/check', `http://${host}:${port}`), {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      localAddress: host,
      agent: false,
    });
    request.end(method === 'GET' ? undefined : body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, body: (await answer.toArray()).join('') };
  };
  return { started, call };
}

/** Returns an address of this machine outside loopback. */
function outerAddress(): string {
  const found = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = found.find(({ internal, family }) => !internal && family === 'IPv4');
  if (outer === undefined) throw new Error('This machine has no IPv4 address other than loopback.');
  return outer.address;
}

describe('POST /check of the status address', () => {
  it('answers with the result of the check, and nothing of the token', async () => {
    const { started, call } = await opened();
    const { status, body } = await call();
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      checks: [{ token: 'billing/billing-tokens/dynamics', outcome: 'accepted' }],
    });
    for (const value of [...started.endpoint.revoked, secret('client-secret')]) expect(body).not.toContain(value);
    expect(started.endpoint.requests).toHaveLength(2);
  });

  it('lists the credentials for an unknown name, which it does not repeat', async () => {
    const { call } = await opened();
    const mistyped = secret('in the wrong place');
    const { status, body } = await call({ body: JSON.stringify({ name: mistyped }) });
    expect(status).toBe(404);
    expect(body).toContain('Credentials: dynamics.');
    expect(body).not.toContain(mistyped);
  });

  it.each<[string, Call, number]>([
    ['another address of this machine', { host: outerAddress() }, 403],
    ['a page of another site', { headers: { origin: 'https://evil.example' } }, 403],
    ['a name that leads to loopback', { headers: { host: 'evil.example' } }, 403],
    ['a form, which any page may send', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['plain text, which any page may send', { headers: { 'content-type': 'text/plain' } }, 415],
    ['a body without a name', { body: '{}' }, 400],
    ['a body that is too large', { body: JSON.stringify({ name: 'a'.repeat(5000) }) }, 413],
    ['a GET, as from a link or an image', { method: 'GET' }, 404],
  ])('sends nothing for %s', async (_what, given, expected) => {
    const { started, call } = await opened();
    expect((await call(given)).status).toBe(expected);
    expect(started.endpoint.requests).toHaveLength(1);
  });
});
