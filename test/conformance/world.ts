import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ReissueError } from '../../src/core/errors.ts';
import type { ReissueCause } from '../../src/core/reissue.ts';
import { type Ms, sha256, type Token } from '../../src/core/token.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import type { ReissueAnswer, Reissuer } from '../../src/ports/reissuer.ts';
import { AtomicWriter } from '../support/atomic-writer.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { startReissueServer } from '../support/reissue-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';

const HOUR: Ms = 3_600_000;

export interface WorldOptions {
  /** How far the client's clock is ahead of the others. */
  readonly ahead?: Ms;
  /** Whether the reissue API gives tokens, cannot be reached, has a proxy's page in its place, or is not configured. */
  readonly reissue?: 'answers' | 'unreachable' | 'page' | 'none';
  /** Whether the gateway has a plain http address that is not one of loopback. */
  readonly plainHttp?: boolean;
}

/** A request that the gateway saw. */
interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Hash of its token. */
  readonly token: string | undefined;
  readonly bytes: number;
}

interface ReissueCall {
  readonly at: Ms;
  readonly rejected: string;
  readonly cause: ReissueCause | undefined;
}

/** What is around a client: its volume, a gateway, another origin and the reissue API, all on loopback. */
export class World {
  readonly #folder = temporaryDirectory();
  readonly #callerTokenFile = join(this.#folder.path, 'caller-token');
  readonly #ahead: Ms;
  /** Requests elsewhere come from clients of others, whose server had the same port before. */
  readonly #prefix = `/${randomUUID()}`;
  readonly #servers: LoopbackServer[] = [];
  readonly #volume: AtomicWriter;
  readonly directory: string;
  /** Paths that answer 401 to every token. */
  readonly closed = new Set<string>();
  /** Hashes of the tokens that the gateway accepts. */
  readonly accepted = new Set<string>();
  readonly seen: Seen[] = [];
  readonly elsewhere: Seen[] = [];
  readonly reissues: ReissueCall[] = [];
  /** What the next reissue calls fail with. */
  readonly failures: ReissueError[] = [];
  /** Whether the reissue API takes calls, and answers none. */
  holdReissues = false;
  /** Whether answers of the reissue API have the token. */
  answersWithToken = true;
  /** Whether the gateway accepts the tokens that are issued from now on. */
  acceptsNew = true;
  /** Where the token goes in a request. */
  header: { readonly name: string; readonly prefix: string } | undefined;
  executed = 0;
  env: Readonly<Record<string, string>> = {};
  /** URL of the gateway, with a path of this world. */
  gateway = '';
  #end: () => void = () => {};
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });
  #current: Token;
  /** By the clock of the others. */
  #expiry: Ms = 0;
  #generation = 1;

  private constructor({ ahead = 0 }: WorldOptions) {
    this.#ahead = ahead;
    this.directory = join(this.#folder.path, 'tokens');
    this.#volume = new AtomicWriter(this.directory);
    this.#current = this.issue();
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    world.mount();
    const callerToken = secret('caller-token');
    writeFileSync(world.#callerTokenFile, `${callerToken}\n`);
    const endpoint = await startReissueServer({ reissuer: world.#reissuer(), callerToken });
    const other = await startHttpServer((request, response) => void world.#answerElsewhere(request, response));
    const gateway = await startHttpServer((request, response) => void world.#answer(request, response, other.url));
    const page = await startHttpServer(
      (_request, response) => void response.writeHead(200).end('<html>Welcome</html>'),
    );
    world.#servers.push(endpoint, other, gateway, page);
    const { reissue = 'answers', plainHttp = false } = options;
    if (reissue === 'unreachable') await endpoint.stop();
    // Linux leads 0.0.0.0 to this machine, but it may be any address.
    const origin = plainHttp ? gateway.url.replace('127.0.0.1', '0.0.0.0') : gateway.url;
    world.gateway = origin + world.#prefix;
    world.env = {
      TOKEN_DIRECTORY: world.directory,
      ORIGIN: origin,
      REREAD_FOR: '6',
      ...(reissue !== 'none' && {
        REISSUE_URL: reissue === 'page' ? page.url : endpoint.url,
        REISSUE_NAMESPACE: 'billing',
        REISSUE_SECRET: 'billing-tokens',
        CALLER_TOKEN_FILE: world.#callerTokenFile,
      }),
    };
    return world;
  }

  async close(): Promise<void> {
    this.#end();
    await Promise.all(this.#servers.map((server) => server.stop()));
    this.#folder.remove();
  }

  removeCallerToken(): void {
    rmSync(this.#callerTokenFile);
  }

  get current(): Token {
    return this.#current;
  }

  /** Makes the next token, which is valid for this time from now. */
  issue(lifetime: Ms = HOUR / 2): Token {
    const now = Date.now();
    this.#expiry = now + lifetime;
    this.#generation += 1;
    this.#current = buildToken({
      issuedAt: Math.min(now, this.#expiry) - 1000 - this.#ahead,
      renewAt: this.#expiry - this.#ahead,
      expiresAt: this.#expiry - this.#ahead,
      generation: this.#generation,
    });
    if (this.acceptsNew && lifetime > 0) this.accepted.add(this.#current.sha256);
    return this.#current;
  }

  revoke(): void {
    this.accepted.delete(this.#current.sha256);
  }

  /** Writes the current token to the volume, as the kubelet does. `part`: how much of the document is written. */
  mount(part = 1): void {
    const data = toVolumeData('dynamics', this.#current);
    const document = JSON.parse(data['dynamics.json'] ?? '') as object;
    const text = `${JSON.stringify({ ...document, header: this.header })}\n`;
    this.#volume.write({ ...data, 'dynamics.json': text.slice(0, Math.ceil(text.length * part)) });
  }

  /** Writes a document whose hash is not that of its token: two writes in one. */
  mountMixed(): void {
    const before = this.#current;
    const text = toVolumeData('dynamics', { ...this.issue(), sha256: before.sha256 })['dynamics.json'] ?? '';
    this.#volume.write({ 'dynamics.json': text });
  }

  /** A file with a body of this size. */
  body(size: number): string {
    const file = join(this.#folder.path, `body-${size}`);
    writeFileSync(file, 'b'.repeat(size));
    return file;
  }

  /** The token-acquirer behind the API. */
  #reissuer(): Reissuer {
    return {
      reissue: async (_name, rejected, { cause } = {}) => {
        this.reissues.push({ at: performance.now(), rejected, cause });
        if (this.holdReissues) await this.#ended;
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        return this.#answerTo(rejected, cause);
      },
      current: async () => {
        throw new ReissueError('This token is only in the volume.', { status: 403 });
      },
    };
  }

  #answerTo(rejected: string, cause: ReissueCause | undefined): ReissueAnswer {
    const usable = cause === 'expired' && this.#expiry > Date.now();
    const outcome = this.#current.sha256 === rejected && !usable ? 'reissued' : 'newer';
    if (outcome === 'reissued') this.issue();
    const { generation, issuedAt, expiresAt } = this.#current;
    const accessToken = this.answersWithToken ? this.#current.accessToken : undefined;
    const expiresIn = this.#expiry - Date.now();
    const { header } = this;
    return { outcome, stored: true, accessToken, header, generation, issuedAt, expiresAt, expiresIn };
  }

  async #answer(request: IncomingMessage, response: ServerResponse, other: string): Promise<void> {
    const seen = await this.#look(request);
    if (seen === undefined) return void response.writeHead(404).end();
    this.seen.push(seen);
    if (seen.path === '/redirect')
      return void response.writeHead(302, { location: `${other}${this.#prefix}/target` }).end();
    if (seen.path === '/scope') return reject(response, 'insufficient_scope');
    if (seen.path === '/forbidden') return void response.writeHead(403).end();
    if (this.closed.has(seen.path) || !this.accepted.has(seen.token ?? '')) return reject(response, 'invalid_token');
    this.executed += 1;
    return void response.writeHead(200).end(String(seen.bytes));
  }

  async #answerElsewhere(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await this.#look(request);
    if (seen !== undefined) this.elsewhere.push(seen);
    reject(response, 'invalid_token');
  }

  async #look(request: IncomingMessage): Promise<Seen | undefined> {
    const { name, prefix } = this.header ?? { name: 'Authorization', prefix: 'Bearer ' };
    const { headers, url = '' } = request;
    const body = await buffer(request).catch(() => Buffer.of());
    if (!url.startsWith(this.#prefix)) return undefined;
    const value = headers[name.toLowerCase()];
    const token =
      typeof value === 'string' && value.startsWith(prefix) ? sha256(value.slice(prefix.length)) : undefined;
    return { path: url.slice(this.#prefix.length), headers, token, bytes: body.length };
  }
}

function reject(response: ServerResponse, error: string): void {
  response.writeHead(401, { 'www-authenticate': `Bearer realm="api", error="${error}"` }).end('rejected');
}
