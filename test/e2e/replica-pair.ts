import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { freePort } from '../support/free-port.ts';
import {
  newToken,
  type ScriptedAnswer,
  type ScriptedTokenServer,
  startScriptedTokenServer,
} from '../support/scripted-token-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { TokenIssuer } from '../support/token-issuer.ts';
import { until } from '../support/until.ts';
import { AcquirerProcess, Workplace } from './acquirer-process.ts';

const ACCOUNTS = ['billing/billing-app', 'default/token-acquirer'];
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/default/leases/token-acquirer';
const SECRET = '/api/v1/namespaces/billing/secrets/billing-tokens';
/** Starting a process takes seconds; on a machine with many other tests, a minute. */
const START = 120_000;
export const TOKEN_PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly took: number;
}

interface StoredDocument {
  readonly sha256: string;
  readonly generation: number;
}

export interface Replica {
  readonly pod: string;
  readonly url: string;
  readonly process: AcquirerProcess;
}

/** Two processes of one release that elect a leader at a fake API server, and a token endpoint that counts. */
export class ReplicaPair {
  readonly api: FakeKubernetesApi;
  readonly server: ScriptedTokenServer;
  readonly workplace: Workplace;
  readonly replicas: Replica[] = [];
  readonly #caller: string;
  readonly #replicaToken: string;
  readonly #options: readonly string[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 100 });

  private constructor(
    { api, server }: Pick<ReplicaPair, 'api' | 'server'>,
    [caller, replicaToken]: readonly string[],
    options: readonly string[],
  ) {
    this.#options = options;
    this.api = api;
    this.server = server;
    this.workplace = new Workplace();
    this.#caller = caller ?? '';
    this.#replicaToken = join(this.workplace.root, 'replica-token');
    writeFileSync(this.#replicaToken, replicaToken ?? '', { mode: 0o600 });
  }

  /** `more`: further keys of the token in the configuration. `options`: further options of the processes. */
  static async start(
    more: object = {},
    answer: (request: number) => ScriptedAnswer = () => ({ body: newToken(3600) }),
    options: readonly string[] = [],
  ): Promise<ReplicaPair> {
    const [api, server, issuer] = await Promise.all([
      startKubernetesApi(),
      startScriptedTokenServer(answer),
      TokenIssuer.start(),
    ]);
    const tokens = await Promise.all(
      ACCOUNTS.map((serviceAccount) =>
        issuer.mint({ now: Date.now(), lifetime: 3_600_000, audiences: ['token-acquirer.default'], serviceAccount }),
      ),
    );
    api.documents.set('/openid/v1/jwks', issuer.jwks);
    api.documents.set('/.well-known/openid-configuration', { issuer: issuer.issuer });
    for (const [index, token] of tokens.entries()) {
      registerSecret(token);
      const user = { username: `system:serviceaccount:${(ACCOUNTS[index] ?? '').replace('/', ':')}` };
      api.reviews.set(token, { authenticated: true, audiences: ['token-acquirer.default'], user });
    }
    api.objects.put(LEASE, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'token-acquirer' },
    });
    api.objects.put(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'billing-tokens' } });
    api.objects.put('/api/v1/namespaces/default/secrets/token-acquirer-state', { apiVersion: 'v1', kind: 'Secret' });
    const pair = new ReplicaPair({ api, server }, tokens, options);
    pair.workplace
      .credential('dynamics', {
        client_id: 'billing',
        client_secret: secret('client-secret'),
        refresh_token: secret('refresh-token'),
      })
      .configure({
        authorizationServers: { corporate: { tokenEndpoint: server.url, clientAuthentication: 'client_secret_post' } },
        tokens: [
          {
            name: 'dynamics',
            authorizationServer: 'corporate',
            credential: 'dynamics',
            grant: 'client_credentials',
            secret: { namespace: 'billing', name: 'billing-tokens' },
            clients: [{ namespace: 'billing', serviceAccount: 'billing-app' }],
            ...more,
          },
        ],
      });
    // The first one leads.
    await pair.add('token-acquirer-5d8-a');
    await until('The first token', () => pair.stored() !== undefined, START);
    await pair.add('token-acquirer-5d8-b');
    await until(
      'The leader in the eyes of the other',
      async () => (await pair.status(1)).replica?.leader !== undefined,
      START,
    );
    return pair;
  }

  async add(pod: string): Promise<Replica> {
    const port = await freePort();
    const { config, credentials } = this.workplace;
    const process = AcquirerProcess.start(
      [
        'run',
        `--config=${config}`,
        `--credentials=${credentials}`,
        `--kubeconfig=${this.api.kubeconfig}`,
        `--listen=127.0.0.1:${port}`,
        '--status-listen=127.0.0.1:0',
        `--replica-token=${this.#replicaToken}`,
        ...this.#options,
      ],
      { env: { POD_NAME: pod, POD_IP: '127.0.0.1' } },
    );
    const replica = { pod, url: `http://127.0.0.1:${port}`, process };
    this.replicas.push(replica);
    await process.logged('listening', 2, START);
    return replica;
  }

  at(index: number): Replica {
    const replica = this.replicas[index];
    if (replica === undefined) throw new Error(`There is no replica ${index}.`);
    return replica;
  }

  status(index: number): Promise<StatusReport> {
    return this.at(index).process.status();
  }

  /** The document of the stored token. */
  stored(): StoredDocument | undefined {
    const data = this.api.objects.get(SECRET)?.['data'] as Record<string, string> | undefined;
    const document = data?.['dynamics.json'];
    return document === undefined
      ? undefined
      : (JSON.parse(Buffer.from(document, 'base64').toString()) as StoredDocument);
  }

  /** Calls a replica as the client. Rejects where the connection fails. */
  call(index: number, method: string, path: string, body?: object, headers: object = {}): Promise<Answer> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
      const content = body === undefined ? {} : { 'content-type': 'application/json' };
      const sent = request(new URL(path, this.at(index).url), {
        method,
        agent: this.#agent,
        headers: { authorization: `Bearer ${this.#caller}`, ...content, ...headers },
      });
      sent.on('error', reject).on('response', (response) => {
        text(response).then((answer) => {
          const parsed = answer === '' ? {} : (JSON.parse(answer) as Record<string, unknown>);
          if (typeof parsed['access_token'] === 'string') registerSecret(parsed['access_token']);
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: response.headers, body: parsed, took: performance.now() - began });
        }, reject);
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  reissue(index: number, rejected: string, headers: object = {}): Promise<Answer> {
    const body = { rejected_sha256: rejected, error: 'invalid_token', cause: 'revoked' };
    return this.call(index, 'POST', `${TOKEN_PATH}/dynamics/reissue`, body, headers);
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await Promise.all(this.replicas.map(({ process }) => process.end('SIGKILL')));
    await Promise.all([this.api.stop(), this.server.stop()]);
    this.workplace.remove();
  }
}
