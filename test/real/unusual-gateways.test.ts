import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { AuthorizedFetchOptions } from '../../src/client/index.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { type AuthorizationServer, introspect } from './authorization-servers.ts';
import { openSlowClientApp } from './clients.ts';
import { callWith, firstRefusal } from './gateway-calls.ts';
import { startOpaqueServer } from './oidc-provider-servers.ts';
import type { RealGateway } from './parts/envoy.ts';
import { stopAll } from './real-parts.ts';

/** What a gateway answers that does not keep to RFC 6750. */
interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

type Rules = Pick<AuthorizedFetchOptions, 'tokenErrors'>;

interface Case {
  readonly what: string;
  readonly answer: Answer;
  /** As `authorizedFetch` takes it. */
  readonly options?: Rules;
}

/** A gateway of its own manners before a service that says `done`; each call is introspected. */
async function startGateway(server: AuthorizationServer, answer: Answer): Promise<RealGateway> {
  return startHttpServer((request, response) => void handle(server, answer, request, response));
}

async function handle(
  server: AuthorizationServer,
  { status, headers = {}, body = '' }: Answer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const { active } = await introspect(server, token);
  if (active !== true) response.writeHead(status, headers).end(body);
  else if (request.url === '/forbidden') response.writeHead(403).end('{"code":"MISSING_ROLE"}');
  else response.writeHead(200).end('done');
}

const EXPIRED_JSON = '{"code":"TOKEN_EXPIRED","message":"The access token has expired."}';
const RULES: Rules = {
  tokenErrors: [
    { status: 403, body: /"TOKEN_EXPIRED"/ },
    { status: 400, body: /token (?:has )?expired/i },
    { status: 403, header: { name: 'x-error-code', value: /^token_expired$/ } },
    { redirectedTo: 'https://login.example.com' },
  ],
};

const CURED: Case[] = [
  { what: '401 with no challenge', answer: { status: 401 } },
  { what: '401 with a page and no challenge', answer: { status: 401, body: '<html>Unauthorized</html>' } },
  { what: '401 with a challenge of another scheme', answer: { status: 401, headers: { 'www-authenticate': 'Basic' } } },
  { what: '403 with a body that a rule names', answer: { status: 403, body: EXPIRED_JSON }, options: RULES },
  {
    what: '403 with a header that a rule names',
    answer: { status: 403, headers: { 'x-error-code': 'token_expired' } },
    options: RULES,
  },
  { what: '400 with a body that a rule names', answer: { status: 400, body: 'JWT token expired' }, options: RULES },
];

const LEFT_ALONE: Case[] = [
  { what: '403 with a body that no rule names', answer: { status: 403, body: EXPIRED_JSON } },
  { what: '400 with a body that no rule names', answer: { status: 400, body: 'JWT token expired' } },
  { what: '403 with another body than the rule', answer: { status: 403, body: '{"code":"BLOCKED"}' }, options: RULES },
  {
    what: '401 insufficient_scope',
    answer: { status: 401, headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' } },
  },
];

interface World {
  readonly server: AuthorizationServer;
  readonly url: string;
  readonly call: typeof fetch;
}

/** A client app with a slow clock, its token expired, before such a gateway. */
async function withExpiredToken({ answer, options }: Case, test: (world: World) => Promise<void>): Promise<void> {
  const server = await startOpaqueServer();
  const gateway = await startGateway(server, answer);
  const app = await openSlowClientApp(server, 'short', { ...options, origins: [gateway.url] });
  try {
    await firstRefusal(gateway, app.source.current().accessToken.reveal(), 10_000);
    await test({ server, url: gateway.url, call: app.call });
  } finally {
    await stopAll([server, gateway, app]);
  }
}

// Each waits for a token to expire, so they wait together.
describe.concurrent('a gateway that answers to an expired token', () => {
  it.each(CURED)('$what is called again with a new one', async (given) => {
    await withExpiredToken(given, async ({ server, url, call }) => {
      const issued = server.issued();
      const response = await call(`${url}/incidents`);
      expect([response.status, await response.text()]).toEqual([200, 'done']);
      expect(server.issued()).toBe(issued + 1);
    });
  });

  it.each(LEFT_ALONE)('$what is passed on to the caller as it is', async (given) => {
    await withExpiredToken(given, async ({ server, url, call }) => {
      const issued = server.issued();
      const response = await call(`${url}/incidents`);
      expect([response.status, await response.text()]).toEqual([given.answer.status, given.answer.body ?? '']);
      expect(server.issued()).toBe(issued);
    });
  });
});

describe('a rule for the bodies of a gateway', () => {
  it('leaves a rejection alone that has nothing to do with the token', async () => {
    const given = { what: '', answer: { status: 403, body: EXPIRED_JSON }, options: RULES };
    await withExpiredToken(given, async ({ server, url, call }) => {
      await call(`${url}/incidents`);
      const issued = server.issued();
      const response = await call(`${url}/forbidden`);
      expect([response.status, await response.text()]).toEqual([403, '{"code":"MISSING_ROLE"}']);
      expect(server.issued()).toBe(issued);
    });
  });

  it('is needed, because such an answer blames no token', async () => {
    const server = await startOpaqueServer();
    const gateway = await startGateway(server, { status: 403, body: EXPIRED_JSON });
    try {
      expect(await callWith(gateway, 'a-token-of-another-kind')).toMatchObject({ status: 403, challenge: null });
    } finally {
      await stopAll([server, gateway]);
    }
  });
});
