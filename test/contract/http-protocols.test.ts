import { generateKeyPairSync } from 'node:crypto';
import {
  configured,
  type ReceivedRequest,
  type ScriptedAnswer,
  type ScriptedServer,
  startScriptedServer,
} from '../support/http-protocols.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import type { CredentialValues } from '../support/token-requests.ts';
import { type Dialect, describeTokenEndpoint, type TokenEndpointHarness } from './token-endpoint.ts';

/** What distinguishes the suite of one protocol from that of another. */
interface Suite {
  readonly name: string;
  readonly server: (url: string) => { readonly protocol: string };
  readonly token?: object;
  readonly values: CredentialValues;
  readonly issue: () => ScriptedAnswer;
  /** Status of a rejection. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly refusals: Dialect['refusals'];
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const isTokenRequest = ({ method, path }: ReceivedRequest): boolean => method === 'POST' && !path.endsWith('/logout');

const SUITES: readonly Suite[] = [
  {
    name: 'github_app',
    server: (url) => ({ protocol: 'github_app', url: `${url}/api/v3` }),
    token: { installation: '42' },
    values: {
      client_id: 'Iv1.app',
      private_key: registerSecret(privateKey.export({ format: 'pem', type: 'pkcs1' }) as string),
    },
    issue: () => {
      // In whole seconds, as `Date` is.
      const now = Math.floor(Date.now() / 1000) * 1000;
      return {
        status: 201,
        headers: { date: new Date(now).toUTCString() },
        body: { token: secret('installation-token'), expires_at: new Date(now + 60_000).toISOString() },
      };
    },
    statuses: { invalid_client: 401, invalid_request: 404, server_error: 502 },
    refusals: [
      ['invalid_client', 'configuration'],
      ['invalid_request', 'configuration'],
      ['server_error', 'transient'],
    ],
  },
  {
    name: 'http_login',
    server: (url) =>
      ({
        protocol: 'http_login',
        url: `${url}/login`,
        token: { pointer: '/session/token' },
        lifetime: { pointer: '/session/seconds' },
        logout: { url: `${url}/logout`, method: 'POST', headers: [{ name: 'X-Auth-Token' }] },
      }) as { readonly protocol: string },
    values: { username: 'ada', password: secret('password') },
    issue: () => ({ body: { session: { token: secret('session-token'), seconds: 60 } } }),
    statuses: { invalid_grant: 401, invalid_request: 400, server_error: 500 },
    refusals: [
      ['invalid_grant', 'configuration'],
      ['invalid_request', 'configuration'],
      ['server_error', 'transient'],
    ],
  },
];

async function harnessOf(suite: Suite): Promise<TokenEndpointHarness> {
  const next: ScriptedAnswer[] = [];
  const server: ScriptedServer = await startScriptedServer((request) =>
    isTokenRequest(request) ? (next.shift() ?? suite.issue()) : { status: 204, body: '' },
  );
  const { endpoint } = configured(suite.server(server.url), suite.token);
  return {
    endpoint,
    refuseNext: (code) => void next.push({ status: suite.statuses[code] ?? 400, body: { message: 'No.' } }),
    issueNext: () => undefined,
    hold: () => server.hold(),
    release: () => server.release(),
    disconnect: server.stop,
    arrived: () => server.received.filter(isTokenRequest).length,
    stop: server.stop,
  };
}

for (const suite of SUITES) {
  const { request } = configured(suite.server('http://127.0.0.1:1'), suite.token);
  describeTokenEndpoint(`the protocol ${suite.name}`, () => harnessOf(suite), {
    request: () => request(suite.values),
    secrets: [suite.values.password, suite.values.private_key].filter((value) => value !== undefined),
    refusals: suite.refusals,
  });
}
