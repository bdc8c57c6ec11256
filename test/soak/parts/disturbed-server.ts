import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import Provider from 'oidc-provider';
import { sha256 } from '../../../src/core/token.ts';
import { closeServer, createDemoServer, listen } from '../../../src/demo/listener.ts';
import { registerPasswordGrant } from '../../../src/demo/password-grant.ts';
import { configureProvider } from '../../../src/demo/provider-configuration.ts';
import { registerSecret } from '../../support/secrets.ts';
import { createForgivingAdapter } from './forgiving-adapter.ts';
import { startLeanGateway } from './lean-gateway.ts';
import type {
  IssuedToken,
  ServerAsk,
  ServerCounts,
  ServerInstructions,
  ServerMood,
  ServerReady,
} from './server-messages.ts';

/** Nobody reads its metadata. */
const ISSUER = 'http://127.0.0.1';
const SLOWNESS = 1000;
const RETRY_AFTER = '2';
/** Of each client. */
const REMEMBERED = 200;

interface Issued extends IssuedToken {
  readonly value: string;
  revokedAt?: number;
}

export interface DisturbedServer {
  readonly ready: ServerReady;
  answer(ask: ServerAsk): Promise<unknown>;
}

/** Starts oidc-provider with a listener for token requests, which is disturbed, and a gateway, which is not. */
export async function startDisturbedServer(instructions: ServerInstructions): Promise<DisturbedServer> {
  const adapter = createForgivingAdapter(instructions.grace * 1000);
  const provider = new Provider(ISSUER, {
    ...configureProvider({
      issuer: ISSUER,
      clients: instructions.clients,
      rotateRefreshTokens: true,
      accessTokenLifetime: () => instructions.lifetime,
    }),
    adapter: adapter.factory,
  });
  registerPasswordGrant(provider, instructions.users);
  const door = new Door(provider.callback(), instructions.outside);
  await door.open();
  const registry = new Registry(provider);
  return {
    ready: {
      gateway: await startLeanGateway(provider, instructions.outside?.host),
      tokenEndpoint: `${door.url}/token`,
    },
    async answer(ask) {
      if (ask.what === 'mood') return door.set(ask.mood);
      if (ask.what === 'counts')
        return { ...door.counts, ...registry.counts, ...adapter.counts } satisfies ServerCounts;
      return registry.answer(ask);
    },
  };
}

/** The tokens and the clients of a provider. */
class Registry {
  readonly #provider: Provider;
  readonly #issued = new Map<string, Issued[]>();
  readonly counts = { issued: 0, revoked: 0 };

  constructor(provider: Provider) {
    this.#provider = provider;
    provider.on('grant.success', (ctx) => {
      const { access_token: value, expires_in: seconds } = ctx.body as { access_token: string; expires_in: number };
      this.counts.issued += 1;
      registerSecret(value);
      const client = ctx.oidc.client?.clientId ?? '';
      const now = Date.now();
      const token = { value, sha256: sha256(value), issuedAt: now, expiresAt: now + seconds * 1000 };
      this.#issued.set(client, [...(this.#issued.get(client) ?? []), token].slice(-REMEMBERED));
    });
  }

  async answer(ask: Exclude<ServerAsk, { what: 'mood' | 'counts' }>): Promise<unknown> {
    if (ask.what === 'revoke') return this.#revoke(ask.client);
    if (ask.what === 'tokens') {
      return (this.#issued.get(ask.client) ?? []).map(({ value: _, ...token }): IssuedToken => token);
    }
    if (ask.what === 'refresh-token') return this.#refreshToken(ask.client, ask.username);
    const client = await this.#provider.Client.find(ask.client);
    // Its type is read-only, as nobody else changes a registered client.
    if (client !== undefined) Object.assign(client, { clientSecret: ask.secret });
    return client !== undefined;
  }

  async #revoke(client: string): Promise<boolean> {
    const newest = this.#issued.get(client)?.at(-1);
    if (newest === undefined || newest.revokedAt !== undefined) return false;
    const { ClientCredentials, AccessToken } = this.#provider;
    const found = (await ClientCredentials.find(newest.value)) ?? (await AccessToken.find(newest.value));
    if (found === undefined) return false;
    await found.destroy();
    newest.revokedAt = Date.now();
    this.counts.revoked += 1;
    return true;
  }

  async #refreshToken(clientId: string, accountId: string): Promise<string> {
    const client = await this.#provider.Client.find(clientId);
    if (client === undefined) throw new Error(`There is no client ${clientId}.`);
    const grant = new this.#provider.Grant({ clientId, accountId });
    const issue = { client, accountId, grantId: await grant.save(), gty: 'password', scope: '' };
    return registerSecret(await new this.#provider.RefreshToken(issue).save());
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Where token requests come in. */
class Door {
  readonly #answer: Answer;
  readonly #outside: ServerInstructions['outside'];
  readonly #inFlight = new Map<string, number>();
  #server: Server | undefined;
  #port = 0;
  #mood: ServerMood = 'normal';
  url = '';
  readonly counts = { tokenRequests: 0, overlaps: 0, mostInFlight: 0, answers: {} as Record<string, number> };

  constructor(answer: Answer, outside: ServerInstructions['outside']) {
    this.#answer = answer;
    this.#outside = outside;
  }

  async open(): Promise<void> {
    const { tls, host } = this.#outside ?? {};
    const server = createDemoServer(tls, (request, response) => void this.#take(request, response));
    this.#server = server;
    this.url = await listen(server, { port: this.#port, ...(host === undefined ? {} : { host }) });
    this.#port = Number(new URL(this.url).port);
  }

  async set(mood: ServerMood): Promise<void> {
    this.#mood = mood;
    if (mood === 'down' && this.#server !== undefined) {
      const closing = this.#server;
      this.#server = undefined;
      await closeServer(closing);
    } else if (mood !== 'down' && this.#server === undefined) await this.open();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST') this.#count(clientIdOf(request), response);
    const mood = this.#mood;
    if (mood === 'hangs') return;
    if (mood === 'slow') await pause(SLOWNESS);
    if (mood === 'unavailable' || mood === 'limited') return turnDown(request, response, mood);
    if (mood === 'loses') lose(response);
    await this.#answer(request, response);
  }

  /** Until the answer is out or the client has gone. */
  #count(client: string, response: ServerResponse): void {
    const { counts } = this;
    counts.tokenRequests += 1;
    const before = this.#inFlight.get(client) ?? 0;
    if (before > 0) counts.overlaps += 1;
    this.#inFlight.set(client, before + 1);
    const all = [...this.#inFlight.values()].reduce((total, number) => total + number, 0);
    counts.mostInFlight = Math.max(counts.mostInFlight, all);
    response.on('close', () => {
      this.#inFlight.set(client, (this.#inFlight.get(client) ?? 1) - 1);
      const status = response.writableFinished ? String(response.statusCode) : 'none';
      counts.answers[status] = (counts.answers[status] ?? 0) + 1;
    });
  }
}

function turnDown(request: IncomingMessage, response: ServerResponse, mood: 'unavailable' | 'limited'): void {
  request.resume();
  if (mood === 'limited') response.writeHead(429, { 'retry-after': RETRY_AFTER });
  else response.writeHead(503);
  response.end();
}

/** Breaks the connection off in place of the answer. */
function lose(response: ServerResponse): void {
  const cut = (): ServerResponse => response.destroy();
  response.write = () => {
    cut();
    return false;
  };
  response.end = cut;
}

/** RFC 6749 section 2.3.1. No client identifier here needs encoding. */
function clientIdOf({ headers }: IncomingMessage): string {
  const [id = ''] = Buffer.from(headers.authorization?.slice('Basic '.length) ?? '', 'base64')
    .toString()
    .split(':');
  return id;
}
