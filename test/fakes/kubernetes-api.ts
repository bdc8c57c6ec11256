import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import type { ServerCertificate } from '../support/certificates.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Execs } from './kubernetes-api-execs.ts';
import { Forwards } from './kubernetes-api-forwards.ts';
import { Logs } from './kubernetes-api-logs.ts';
import { StoredObjects } from './kubernetes-api-objects.ts';
import { type JsonObject, keyOf, textOf } from './kubernetes-api-patch.ts';
import { type ApiRequest, type Asked, answerAbout, askedIn, readRequest, watchIn } from './kubernetes-api-requests.ts';
import { forbidden, Rejection } from './kubernetes-api-status.ts';
import { Watches } from './kubernetes-api-watches.ts';

export type { JsonObject } from './kubernetes-api-patch.ts';
export type { ApiRequest, Asked } from './kubernetes-api-requests.ts';

/** A failure of a request. */
export interface Fault {
  /** The delay before everything else, in milliseconds. `Infinity` never answers. */
  readonly delay?: number;
  /** Resets the connection. With `afterwards`, it does so once the request was executed, so that the answer is lost. */
  readonly reset?: boolean | 'afterwards';
  /** The answer instead of the real one. */
  readonly status?: number;
  readonly body?: JsonObject | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeKubernetesApiOptions {
  /** The certificate for https. The kubeconfig then names `caFile`. */
  readonly certificate?: ServerCertificate;
  readonly caFile?: string;
  readonly user?: string;
}

export interface FakeKubernetesApi {
  readonly url: string;
  readonly objects: StoredObjects;
  readonly watches: Watches;
  /** The output of containers. */
  readonly logs: Logs;
  /** The ports of pods. */
  readonly forwards: Forwards;
  /** The commands in pods. */
  readonly execs: Execs;
  /** All requests so far, including failed ones. */
  readonly requests: ApiRequest[];
  readonly connections: { readonly opened: number };
  /** A kubeconfig for the server, and the bearer in it. */
  readonly kubeconfig: string;
  readonly token: string;
  /** The accepted bearers, at first only `token`. */
  readonly accepted: Set<string>;
  /** `status` of a TokenReview by the reviewed bearer. Any other bearer is not authenticated. */
  readonly reviews: Map<string, JsonObject>;
  /** Answers of `/version`, `/openid/v1/jwks` and similar paths. A test may change them. */
  readonly documents: Map<string, JsonObject>;
  /** Opens a connection to the server, which `stop` closes. */
  connect(options?: { timeout?: number }): ApiServer;
  /** Adds a function that returns a failure for some requests. The result removes it. */
  intercept(faultOf: (request: ApiRequest, asked: Asked) => Fault | undefined): () => void;
  /** Revokes a permission, which leads to a 403. The result grants it again. */
  deny(right: { verb: string; resource: string; namespace?: string }): () => void;
  stop(): Promise<void>;
}

const USER = 'system:serviceaccount:token-acquirer:token-acquirer';

/** Starts a fake API server on loopback with real HTTP, objects by path, patches, watches and token reviews. */
export async function startKubernetesApi(options: FakeKubernetesApiOptions = {}): Promise<FakeKubernetesApi> {
  const answers = new Answers(options.user ?? USER);
  const forwards = new Forwards();
  const execs = new Execs();
  const server = await startHttpServer(
    (incoming, response) => {
      answers.listen(incoming, response).catch(() => response.destroy());
    },
    options.certificate,
    (request, socket) => {
      if (!execs.start(request, socket)) forwards.start(request, socket);
    },
  );
  const directory = temporaryDirectory();
  const connected: ApiServer[] = [];
  const kubeconfig = join(directory.path, 'kubeconfig');
  writeKubeconfig(kubeconfig, { url: server.url, token: answers.token, caFile: options.caFile });
  const { objects, watches, logs, requests, accepted, reviews, documents, token } = answers;
  return {
    url: server.url,
    objects,
    watches,
    logs,
    forwards,
    execs,
    requests,
    accepted,
    reviews,
    documents,
    token,
    kubeconfig,
    connections: server.connections,
    connect(connection = {}) {
      const api = kubeconfigApiServer(kubeconfig, connection);
      connected.push(api);
      return api;
    },
    intercept: (faultOf) => answers.intercept(faultOf),
    deny: (right) => answers.deny(right),
    async stop() {
      await Promise.all([server.stop(), ...connected.map((api) => api.close())]);
      directory.remove();
    },
  };
}

type FaultOf = (request: ApiRequest, asked: Asked) => Fault | undefined;

class Answers {
  readonly objects = new StoredObjects();
  readonly watches = new Watches(this.objects);
  readonly logs = new Logs();
  readonly requests: ApiRequest[] = [];
  readonly token = secret('service-account-token');
  readonly accepted = new Set([this.token]);
  readonly reviews = new Map<string, JsonObject>();
  readonly documents = new Map<string, JsonObject>([
    ['/version', { major: '1', minor: '36', gitVersion: 'v1.36.3' }],
    ['/openid/v1/jwks', { keys: [] }],
  ]);
  readonly #user: string;
  readonly #faults = new Set<FaultOf>();
  readonly #denials = new Set<(asked: Asked) => boolean>();

  constructor(user: string) {
    this.#user = user;
  }

  intercept(faultOf: FaultOf): () => void {
    const own: FaultOf = (request, asked) => faultOf(request, asked);
    this.#faults.add(own);
    return () => this.#faults.delete(own);
  }

  deny({ verb, resource, namespace }: { verb: string; resource: string; namespace?: string }): () => void {
    const denies = (asked: Asked): boolean =>
      asked.verb === verb && asked.resource === resource && asked.namespace === (namespace ?? asked.namespace);
    this.#denials.add(denies);
    return () => this.#denials.delete(denies);
  }

  async listen(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const request = await readRequest(incoming);
    this.requests.push(request);
    const asked = askedIn(request);
    const fault = [...this.#faults].map((faultOf) => faultOf(request, asked)).find((found) => found !== undefined);
    if (fault !== undefined && !(await carryOn(fault, response))) return;
    const bearer = (incoming.headers.authorization ?? '').replace(/^Bearer /, '');
    try {
      if (!this.accepted.has(bearer)) throw new Rejection(401, 'Unauthorized', 'Unauthorized');
      this.#respond(request, asked, response, fault?.reset === 'afterwards');
    } catch (error) {
      if (error instanceof Rejection) sendJson(response, error.code, error.status);
      else sendJson(response, 500, { kind: 'Status', reason: 'InternalError', code: 500 });
    }
  }

  #respond(request: ApiRequest, asked: Asked, response: ServerResponse, isLost: boolean): void {
    const document = this.documents.get(request.path);
    if (document !== undefined) {
      sendJson(response, 200, document);
      return;
    }
    if ([...this.#denials].some((denies) => denies(asked))) throw forbidden(this.#user, asked);
    if (this.logs.start(request, response)) return;
    const watch = watchIn(request);
    if (watch !== undefined) {
      this.watches.start(watch, response);
      return;
    }
    const isReview = request.path.endsWith('/tokenreviews');
    const { code, object } = isReview ? review(this.reviews, request) : answerAbout(this.objects, request);
    if (isLost) response.socket?.resetAndDestroy();
    else sendJson(response, code, object);
  }
}

/** Returns false if the failure was the whole answer. */
async function carryOn({ delay, reset, status, body, headers }: Fault, response: ServerResponse): Promise<boolean> {
  if (delay === Number.POSITIVE_INFINITY) return false;
  if (delay !== undefined) await pause(delay);
  if (reset === true) {
    response.socket?.resetAndDestroy();
    return false;
  }
  if (status === undefined && body === undefined) return true;
  const given = body ?? new Rejection(status ?? 200, 'Injected', 'an injected failure').status;
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  response.writeHead(status ?? 200, { 'Content-Type': 'application/json', ...headers });
  response.end(text);
  return false;
}

function review(reviews: ReadonlyMap<string, JsonObject>, { body }: ApiRequest): { code: number; object: JsonObject } {
  const given = JSON.parse(body) as JsonObject;
  const unknown = { user: {}, error: '[invalid bearer token]' };
  const status = reviews.get(textOf(keyOf(given['spec'], 'token'))) ?? unknown;
  return { code: 201, object: { ...given, metadata: {}, status } };
}

function sendJson(response: ServerResponse, code: number, object: JsonObject): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(object));
}

/** Writes JSON, which is valid YAML. */
export function writeKubeconfig(
  file: string,
  { url, token, caFile, namespace }: { url: string; token: string; caFile?: string | undefined; namespace?: string },
): void {
  const cluster = { server: url, ...(caFile !== undefined && { 'certificate-authority': caFile }) };
  const config = {
    clusters: [{ name: 'fake', cluster }],
    users: [{ name: 'fake', user: { token } }],
    contexts: [
      { name: 'fake', context: { cluster: 'fake', user: 'fake', ...(namespace !== undefined && { namespace }) } },
    ],
    'current-context': 'fake',
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
}
