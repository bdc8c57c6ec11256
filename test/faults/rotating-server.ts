import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { registerSecret } from '../support/secrets.ts';

export interface RotatingOptions {
  /** For how long a used refresh token gives the same successor again, in milliseconds: 0 for never. */
  readonly grace: number;
  /** Seconds. */
  readonly lifetime: number;
  /** How long a token request takes, in milliseconds. Its refresh token is spent when it arrives. */
  readonly takes: number;
}

/** All tokens that came from one authorization. */
interface Family {
  hasEnded: boolean;
}

interface Issued {
  readonly family: Family;
  usedAt: number | undefined;
  successor: string | undefined;
}

/**
 * A token endpoint at `/token` that rotates refresh tokens. One that is used again beyond the grace ends its family, with all
 * access tokens (RFC 9700 section 4.14.2). Every other path is a service that accepts live access tokens.
 */
export class RotatingServer {
  requests = 0;
  /** Uses of a spent refresh token that ended a family. */
  replays = 0;
  /** Uses of a spent refresh token within the grace. */
  graced = 0;
  /** Called when a token request has arrived. */
  arrived: () => void = () => undefined;
  readonly #options: RotatingOptions;
  readonly #refreshTokens = new Map<string, Issued>();
  readonly #accessTokens = new Map<string, { readonly family: Family; readonly expiresAt: number }>();
  #server: LoopbackServer | undefined;

  private constructor(options: RotatingOptions) {
    this.#options = options;
  }

  static async start(options: RotatingOptions): Promise<RotatingServer> {
    const server = new RotatingServer(options);
    server.#server = await startHttpServer((request, response) => {
      void server.#answer(request, response).catch(() => response.destroy());
    });
    return server;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  /** A refresh token of a new family, as a person would get one. */
  authorize(): string {
    return this.#issue({ hasEnded: false });
  }

  /** Whether it was used. */
  isSpent(refreshToken: string): boolean {
    return this.#refreshTokens.get(refreshToken)?.usedAt !== undefined;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #issue(family: Family): string {
    const token = registerSecret(randomUUID());
    this.#refreshTokens.set(token, { family, usedAt: undefined, successor: undefined });
    return token;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.url !== '/token') {
      response.writeHead(this.#accepts(request.headers.authorization) ? 200 : 401).end();
      return;
    }
    this.requests += 1;
    this.arrived();
    const answer = this.#exchange(new URLSearchParams(body).get('refresh_token') ?? '');
    await pause(this.#options.takes);
    response.writeHead('error' in answer ? 400 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  #accepts(authorization = ''): boolean {
    const found = this.#accessTokens.get(authorization.replace('Bearer ', ''));
    return found !== undefined && !found.family.hasEnded && found.expiresAt > Date.now();
  }

  #exchange(sent: string): Readonly<Record<string, unknown>> {
    const { grace, lifetime } = this.#options;
    const found = this.#refreshTokens.get(sent);
    if (found === undefined || found.family.hasEnded) return { error: 'invalid_grant' };
    const now = Date.now();
    if (found.usedAt !== undefined && now - found.usedAt > grace) {
      this.replays += 1;
      found.family.hasEnded = true;
      return { error: 'invalid_grant' };
    }
    if (found.usedAt !== undefined) this.graced += 1;
    found.usedAt ??= now;
    found.successor ??= this.#issue(found.family);
    const accessToken = registerSecret(randomUUID());
    this.#accessTokens.set(accessToken, { family: found.family, expiresAt: now + 1000 * lifetime });
    return { access_token: accessToken, expires_in: lifetime, refresh_token: found.successor };
  }
}
