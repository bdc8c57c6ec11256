import { request } from 'node:http';
import { authorizedFetch, type Fetch, mountedTokens, type TokenSource } from '../../../src/client/index.ts';
import { secret } from '../../support/secrets.ts';
import type { Scope } from '../benchmark.ts';
import { buildProgram, type RunningAcquirer, startAcquirer } from './acquirer.ts';
import type { GatewayPartInstructions } from './gateway-main.ts';
import { startPart } from './parts.ts';
import { makePlace, NAMESPACE, type Place, TOKEN } from './place.ts';

const LIFETIME = 600;

export interface Client {
  readonly source: TokenSource;
  readonly call: Fetch;
  close(): void;
}

/** Authorization server, gateway, service and token-acquirer, each in its own process; all as in the demo. */
export interface Town {
  readonly tokenEndpoint: string;
  /** What is called through the gateway. */
  readonly service: string;
  readonly acquirer: RunningAcquirer;
  readonly place: Place;
  readonly credentials: { readonly id: string; readonly secret: string };
  /** A client app with its own token source, of this token. */
  client(token: number): Promise<Client>;
  revoke(accessToken: string): Promise<void>;
  /** Token requests that the authorization server has had. */
  tokenRequests(): Promise<number>;
}

/** Opens a town for so many client apps, each with its own token; it goes with the scope. */
export async function openTown(scope: Scope, apps: number): Promise<Town> {
  const credentials = { id: 'billing', secret: secret('client-secret') };
  const gatewaySecret = secret('gateway-secret');
  const [server, service, program] = await Promise.all([
    startPart<{ issuer: string }>(scope, 'authorization-server', {
      clients: [
        { clientId: credentials.id, clientSecret: credentials.secret, grants: ['client_credentials'] },
        { clientId: 'gateway', clientSecret: gatewaySecret, grants: [] },
      ],
      accessTokenLifetime: LIFETIME,
    }),
    startPart<{ url: string }>(scope, 'incident-desk', {}),
    buildProgram(scope),
  ]);
  const { issuer } = server.ready;
  const introspection = { endpoint: `${issuer}/token/introspection`, clientId: 'gateway', clientSecret: gatewaySecret };
  const instructions: GatewayPartInstructions = { service: service.ready.url, introspection };
  const gateway = await startPart<{ url: string }>(scope, 'gateway', instructions);
  const tokenEndpoint = `${issuer}/token`;
  const place = makePlace(scope, { tokens: apps, tokenEndpoint, credentials: 'shared', client: credentials });
  const acquirer = await startAcquirer(scope, program, place);
  await acquirer.counted('token-stored', apps);
  return {
    tokenEndpoint,
    service: `${gateway.ready.url}/incidents`,
    acquirer,
    place,
    credentials,
    client: (token) =>
      openClient(scope, { url: acquirer.url, place, origin: new URL(gateway.ready.url).origin }, token),
    revoke: (accessToken) => revoke(`${issuer}/token/revocation`, credentials, accessToken),
    tokenRequests: async () => (await server.ask<{ tokenRequests: number }>({})).tokenRequests,
  };
}

interface ClientPlace {
  /** Of the token-acquirer. */
  readonly url: string;
  readonly place: Place;
  /** Of the gateway. */
  readonly origin: string;
}

async function openClient(scope: Scope, { url, place, origin }: ClientPlace, token: number): Promise<Client> {
  const callerTokenFile = place.callerTokenOf(token);
  const reissue = { url, namespace: NAMESPACE, secret: place.secretOf(token), callerTokenFile };
  const tokens = mountedTokens({ directory: place.volumeOf(token), reissue });
  scope.add(() => tokens.close());
  const source = tokens.source(TOKEN);
  await source.ready();
  return { source, call: authorizedFetch(source, { origins: [origin] }), close: () => tokens.close() };
}

/** RFC 6749 section 2.3.1; nothing here needs encoding. */
export function basic({ id, secret: clientSecret }: Town['credentials']): string {
  return `Basic ${Buffer.from(`${id}:${clientSecret}`).toString('base64')}`;
}

async function revoke(endpoint: string, credentials: Town['credentials'], token: string): Promise<void> {
  const headers = { authorization: basic(credentials) };
  const answer = await fetch(endpoint, { method: 'POST', headers, body: new URLSearchParams({ token }) });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`The revocation was answered ${answer.status}.`);
}

/** One client_credentials request by hand (RFC 6749 section 4.4.2). Its connection is its own: in life they are hours apart. */
export function requestToken({ tokenEndpoint, credentials }: Town): Promise<string> {
  const headers = { authorization: basic(credentials), 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const sent = request(tokenEndpoint, { method: 'POST', agent: false, headers }, (answer) => {
      let body = '';
      answer.on('data', (part: Buffer) => {
        body += part.toString();
      });
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve((JSON.parse(body) as { access_token: string }).access_token);
        else reject(new Error(`The token request was answered ${answer.statusCode}.`));
      });
    });
    sent.on('error', reject).end('grant_type=client_credentials');
  });
}
