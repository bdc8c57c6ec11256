import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createConfiguration,
  KubeConfig,
  ServerConfiguration,
  type V1TokenReview,
  type V1TokenReviewStatus,
} from '@kubernetes/client-node';
import { compactVerify, createLocalJWKSet } from 'jose';
import type { ApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { TokenIssuer } from './token-issuer.ts';

export type Endpoint = 'discovery' | 'jwks' | 'review';

/** The failure of an endpoint: it answers with a status or a body, or not at all. */
export type Behavior = { readonly status: number } | { readonly body: unknown } | 'hang' | 'cut';

/** The answer to a review. */
export type ReviewStatus = Pick<V1TokenReviewStatus, 'audiences' | 'authenticated' | 'error' | 'user'>;

interface ReviewedClaims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly sub: string;
  readonly iss: string;
  readonly 'kubernetes.io': { readonly pod?: { readonly uid: string } };
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/.well-known/openid-configuration': 'discovery',
  '/openid/v1/jwks': 'jwks',
  '/apis/authentication.k8s.io/v1/tokenreviews': 'review',
};

/**
 * The part of an API server that reviews tokens. It accepts the tokens of an issuer as long as their pod and
 * ServiceAccount exist.
 */
export class ReviewServer {
  readonly asked: Record<Endpoint, number> = { discovery: 0, jwks: 0, review: 0 };
  readonly gone = new Set<string>();
  readonly behavior: Partial<Record<Endpoint, Behavior>> = {};
  /** Changes the answer to a review before it is sent. */
  alter: (status: ReviewStatus) => ReviewStatus | undefined = (status) => status;
  mostAtOnce = 0;
  issuer: TokenIssuer;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #held: (() => void)[] = [];
  #holds = false;
  #reviewing = 0;

  constructor(issuer: TokenIssuer, clock: Pick<Clock, 'now'>) {
    this.issuer = issuer;
    this.#clock = clock;
  }

  async start(): Promise<ApiServer> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const baseUrl = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const configuration = createConfiguration({ baseServer: new ServerConfiguration(baseUrl, {}) });
    return { configuration, baseUrl, kubeConfig: new KubeConfig(), open: notOpened, close: async () => {} };
  }

  async stop(): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Makes every endpoint fail like this, or none. */
  all(behavior: Behavior | undefined): void {
    for (const endpoint of Object.values(ENDPOINTS)) {
      if (behavior === undefined) delete this.behavior[endpoint];
      else this.behavior[endpoint] = behavior;
    }
  }

  /** Delays reviews until `release`. */
  hold(): void {
    this.#holds = true;
  }

  release(): void {
    this.#holds = false;
    for (const go of this.#held.splice(0)) go();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const endpoint = ENDPOINTS[request.url ?? ''];
    if (endpoint === undefined) {
      send(response, { status: 404, body: {} });
      return;
    }
    this.asked[endpoint] += 1;
    const text = await textOf(request);
    const behavior = this.behavior[endpoint];
    if (behavior === 'hang') return;
    if (behavior === 'cut') response.destroy();
    else if (behavior === undefined) send(response, await this.#work(endpoint, text));
    else if ('body' in behavior) send(response, { status: 200, body: behavior.body });
    // Real error answers can quote the request.
    else send(response, { ...behavior, body: { kind: 'Status', code: behavior.status, message: text } });
  }

  async #work(endpoint: Endpoint, text: string): Promise<Answer> {
    const { issuer, jwks } = this.issuer;
    if (endpoint === 'discovery') return { status: 200, body: { issuer, jwks_uri: 'https://unused.example/jwks' } };
    if (endpoint === 'jwks') return { status: 200, body: jwks, type: 'application/jwk-set+json' };
    this.#reviewing += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#reviewing);
    if (this.#holds) await new Promise<void>((go) => this.#held.push(go));
    const { apiVersion, kind, spec } = JSON.parse(text) as V1TokenReview;
    const status = this.alter(await this.#review(spec));
    this.#reviewing -= 1;
    return { status: 201, body: { apiVersion, kind, spec, status } };
  }

  async #review(spec: V1TokenReview['spec']): Promise<ReviewStatus> {
    const claims = await this.#claims(spec.token ?? '');
    const audiences = spec.audiences?.filter((audience) => claims?.aud.includes(audience)) ?? [];
    if (claims === undefined || audiences.length === 0) return { error: 'invalid bearer token' };
    return { authenticated: true, audiences, user: { username: claims.sub, uid: 'uid', groups: [] } };
  }

  async #claims(token: string): Promise<ReviewedClaims | undefined> {
    try {
      const { payload } = await compactVerify(token, createLocalJWKSet(this.issuer.jwks));
      const claims = JSON.parse(new TextDecoder().decode(payload)) as ReviewedClaims;
      const known = [claims.sub, claims['kubernetes.io'].pod?.uid ?? '', token];
      const isGone = known.some((name) => this.gone.has(name)) || claims.exp * 1000 <= this.#clock.now();
      return isGone || claims.iss !== this.issuer.issuer ? undefined : claims;
    } catch {
      return undefined;
    }
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly type?: string;
}

function send(response: ServerResponse, { status, body, type = 'application/json' }: Answer): void {
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

function notOpened(): Promise<never> {
  return Promise.reject(new Error('This server has no logs.'));
}
