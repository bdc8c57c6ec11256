import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { ownerOf, shardName, shardsOf } from '../../src/core/shards.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { freePort } from '../support/free-port.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { newToken } from '../support/scripted-token-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { TokenIssuer } from '../support/token-issuer.ts';
import { until } from '../support/until.ts';
import { AcquirerProcess, Workplace } from './acquirer-process.ts';

vi.setConfig({ testTimeout: 600_000 });

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases/';
const NAMES = ['orders', 'billing', 'crm', 'status', 'payroll', 'ledger'];
const isRotating = (name: string): boolean => NAMES.indexOf(name) % 2 === 0;
const PATIENCE = 120_000;
const CLIENT_PATIENCE = 30_000;

/** A token endpoint that counts requests by client, and sees a refresh token that is sent twice. */
class CountingServer {
  readonly requests = new Map<string, number>();
  readonly #spent = new Set<string>();
  replays = 0;
  #stop: () => Promise<void> = () => Promise.resolve();
  url = '';

  async start(): Promise<this> {
    const server = await startHttpServer((request, response) => {
      void text(request).then((body) => {
        const form = new URLSearchParams(body);
        const client = form.get('client_id') ?? '';
        this.requests.set(client, (this.requests.get(client) ?? 0) + 1);
        const refreshToken = form.get('refresh_token');
        if (refreshToken !== null && this.#spent.has(refreshToken)) this.replays += 1;
        if (refreshToken !== null) this.#spent.add(refreshToken);
        const next = refreshToken === null ? {} : { refresh_token: secret('refresh-token') };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ ...newToken(120), ...next }));
      });
    });
    this.url = `${server.url}/token`;
    this.#stop = () => server.stop();
    return this;
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

interface Member {
  readonly url: string;
  readonly config: string;
  readonly process: AcquirerProcess;
}

/** Processes of several shards at one API server. Each has its own file of the configuration, as each pod has its own copy. */
class Installation {
  readonly workplace = new Workplace();
  readonly server = new CountingServer();
  readonly members: Member[] = [];
  readonly #tokens = new Map<string, Set<string>>(NAMES.map((name) => [name, new Set()]));
  #api: FakeKubernetesApi | undefined;
  #caller = '';
  failures = 0;

  get api(): FakeKubernetesApi {
    if (this.#api === undefined) throw new Error('It has not started.');
    return this.#api;
  }

  async start(): Promise<this> {
    const [api, issuer] = await Promise.all([startKubernetesApi(), TokenIssuer.start(), this.server.start()]);
    this.#api = api;
    const account = { serviceAccount: 'billing/billing-app', audiences: ['token-acquirer.default'] };
    this.#caller = registerSecret(await issuer.mint({ now: Date.now(), lifetime: 3_600_000, ...account }));
    const user = { username: 'system:serviceaccount:billing:billing-app' };
    api.reviews.set(this.#caller, { authenticated: true, audiences: account.audiences, user });
    for (const shard of [0, 1]) {
      const name = shardName('token-acquirer', shard);
      api.objects.put(`${LEASES}${name}`, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name } });
    }
    api.objects.put('/api/v1/namespaces/default/secrets/token-acquirer-state', { apiVersion: 'v1', kind: 'Secret' });
    for (const name of NAMES) {
      api.objects.put(this.#path(name), { apiVersion: 'v1', kind: 'Secret', metadata: { name } });
      const values = { client_id: name, client_secret: secret('client-secret') };
      this.workplace.credential(name, { ...values, refresh_token: secret('first-refresh-token') });
    }
    return this;
  }

  async add(shard: number, count: number): Promise<Member> {
    const config = join(this.workplace.root, `config-${this.members.length}.yaml`);
    const port = await freePort();
    const member = { url: `http://127.0.0.1:${port}`, config };
    this.configure(member, count);
    const process = AcquirerProcess.start(
      [
        'run',
        `--config=${config}`,
        `--credentials=${this.workplace.credentials}`,
        `--kubeconfig=${this.api.kubeconfig}`,
        `--listen=127.0.0.1:${port}`,
        '--status-listen=127.0.0.1:0',
        `--shard=${shard}`,
      ],
      { env: { POD_NAME: `${shardName('token-acquirer', shard)}-5d8-a`, POD_IP: '127.0.0.1' } },
    );
    const added = { ...member, process };
    this.members.push(added);
    await process.logged('configuration-loaded', 1, PATIENCE);
    return added;
  }

  configure({ config }: Pick<Member, 'config'>, shards: number): void {
    const tokens = NAMES.map((name) => ({
      name: 'dynamics',
      authorizationServer: 'corporate',
      credential: name,
      grant: isRotating(name) ? 'refresh_token' : 'client_credentials',
      secret: { namespace: 'billing', name },
      clients: [{ namespace: 'billing', serviceAccount: 'billing-app' }],
    }));
    const corporate = { tokenEndpoint: this.server.url, clientAuthentication: 'client_secret_post' };
    writeFileSync(`${config}.new`, stringify({ authorizationServers: { corporate }, shards, tokens }));
    renameSync(`${config}.new`, config);
  }

  sha256(name: string): string | undefined {
    const data = this.api.objects.get(this.#path(name))?.['data'] as Record<string, string> | undefined;
    const document = data?.['dynamics.json'];
    const parsed =
      document === undefined
        ? undefined
        : (JSON.parse(Buffer.from(document, 'base64').toString()) as { sha256: string });
    if (parsed !== undefined) this.#tokens.get(name)?.add(parsed.sha256);
    return parsed?.sha256;
  }

  /** Reports the token as rejected, and asks again as a client does. */
  async reissue(name: string): Promise<void> {
    const rejected = this.sha256(name);
    const end = Date.now() + CLIENT_PATIENCE;
    for (let attempt = 0; Date.now() < end; attempt += 1) {
      const alive = this.members.filter(({ process }) => process.child.exitCode === null);
      const { url } = alive[attempt % alive.length] ?? { url: '' };
      const path = `/v1/namespaces/billing/secrets/${name}/tokens/dynamics/reissue`;
      const answer = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#caller}`, 'content-type': 'application/json' },
        body: JSON.stringify({ rejected_sha256: rejected, error: 'invalid_token', cause: 'revoked' }),
      }).catch(() => undefined);
      const body = (await answer?.json().catch(() => ({}))) as { access_token?: string } | undefined;
      if (body?.access_token !== undefined) registerSecret(body.access_token);
      if (answer?.status === 200) {
        this.sha256(name);
        return;
      }
      await pause(500);
    }
    this.failures += 1;
  }

  /** Reports every token again and again while `act` runs. */
  async underReissues(act: () => Promise<void>): Promise<void> {
    let isOver = false;
    const steady = NAMES.map(async (name) => {
      while (!isOver) {
        await this.reissue(name);
        await pause(3000);
      }
    });
    await act();
    isOver = true;
    await Promise.all(steady);
  }

  /** Token requests of each token that led to no token in the Secret. */
  wasted(): Record<string, number> {
    return Object.fromEntries(
      NAMES.map((name) => [name, (this.server.requests.get(name) ?? 0) - (this.#tokens.get(name)?.size ?? 0)]),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ process }) => process.end('SIGKILL')));
    await Promise.all([this.api.stop(), this.server.stop()]);
    this.workplace.remove();
  }

  #path(name: string): string {
    return `/api/v1/namespaces/billing/secrets/${name}`;
  }
}

let installation: Installation | undefined;
afterEach(async () => {
  await installation?.stop();
  installation = undefined;
});

const owned = async ({ process }: Member): Promise<string[]> =>
  (await process.status()).tokens.map(({ token }) => token.split('/')[1] ?? '');
const ofShard = (shard: number): string[] =>
  NAMES.filter((secretName) => ownerOf({ namespace: 'billing', secret: secretName }, shardsOf(2, [])) === shard);

describe('two shards in separate processes', () => {
  it('take over tokens from one shard and give them back, under steady reissues', async () => {
    expect(ofShard(1).some(isRotating) && ofShard(1).some((name) => !isRotating(name))).toBe(true);
    const running = await new Installation().start();
    installation = running;
    const first = await running.add(0, 1);
    await until('The first tokens', () => NAMES.every((name) => running.sha256(name) !== undefined), PATIENCE);
    await running.underReissues(async () => {
      await pause(5000);
      const second = await running.add(1, 2);
      await pause(5000);
      running.configure(first, 2);
      await until('The tokens of the second', async () => (await owned(first)).length === ofShard(0).length, PATIENCE);
      const stated = (): unknown => {
        const lease = running.api.objects.get(`${LEASES}token-acquirer`) as { metadata: { annotations: object } };
        return Object.entries(lease.metadata.annotations).find(([key]) => key === 'token-acquirer.dev/shards')?.[1];
      };
      await until('The statement of the first', () => stated() === '2', PATIENCE);
      await pause(15_000);
      expect((await second.process.status()).shards).toMatchObject([
        { shard: 0, state: 'held' },
        { shard: 1, state: 'held' },
      ]);
      running.configure(first, 1);
      await pause(5000);
      await second.process.end('SIGTERM');
      await until('All tokens at the first', async () => (await owned(first)).length === NAMES.length, PATIENCE);
      await pause(15_000);
    });
    expect(running.failures).toBe(0);
    expect(running.server.replays).toBe(0);
    for (const [name, wasted] of Object.entries(running.wasted()))
      expect([name, Math.min(wasted, 2)]).not.toEqual([name, 2]);
    for (const { token, shard, last_pass: lastPass } of (await first.process.status()).tokens) {
      expect([token, shard]).toEqual([token, 0]);
      expect(Date.now() - Date.parse(lastPass ?? '')).toBeLessThan(60_000);
    }
  });
});
