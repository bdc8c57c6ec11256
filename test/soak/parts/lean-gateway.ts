import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import { LIMITS, listen } from '../../../src/demo/listener.ts';

/**
 * Starts a gateway in the process of the authorization server, which it asks about the token of every request. It has
 * no service behind it: many calls a second must cost little, or the machine would be what is measured.
 */
export async function startLeanGateway(provider: Provider, host?: string): Promise<string> {
  // Connections that a burst opened are closed soon, so that descriptors that stay are a leak.
  const server = createServer(
    { ...LIMITS, keepAliveTimeout: 15_000 },
    (request, response) => void answer(provider, request, response),
  );
  return listen(server, host === undefined ? {} : { host });
}

async function answer(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const token = /^Bearer ([!-~]+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token !== undefined && (await isInForce(provider, token))) return void response.end('done');
  response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
}

async function isInForce({ ClientCredentials, AccessToken }: Provider, token: string): Promise<boolean> {
  const found = (await ClientCredentials.find(token)) ?? (await AccessToken.find(token));
  return found !== undefined && !found.isExpired;
}
