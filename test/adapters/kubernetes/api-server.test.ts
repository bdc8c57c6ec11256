import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoreV1Api, Watch } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiFailure, statusOf } from '../../../src/adapters/kubernetes/api/api-failure.ts';
import {
  type ApiServer,
  inClusterApiServer,
  kubeconfigApiServer,
  ownNamespace,
} from '../../../src/adapters/kubernetes/api/api-server.ts';
import { messageOf, StoreError, UsageError } from '../../../src/core/errors.ts';
import { createFakeClock, type FakeClock } from '../../fakes/fake-clock.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { until } from '../../support/until.ts';

const POD = '/api/v1/namespaces/billing/pods/app';

let directory: ReturnType<typeof temporaryDirectory>;
let authority: CertificateAuthority;
let other: CertificateAuthority;
beforeAll(() => {
  directory = temporaryDirectory();
  authority = createCertificateAuthority();
  other = createCertificateAuthority();
});
afterAll(() => {
  directory.remove();
  authority.remove();
  other.remove();
});

async function readPod(api: ApiServer): Promise<string | undefined> {
  const pod = await new CoreV1Api(api.configuration).readNamespacedPod({ namespace: 'billing', name: 'app' });
  return pod.metadata?.name;
}

describe('the connection to the API server from a pod', () => {
  let fake: FakeKubernetesApi;
  let clock: FakeClock;
  let api: ApiServer;
  let folder: string;
  beforeEach(async () => {
    fake = await startKubernetesApi({ certificate: authority.issue() });
    fake.objects.put(POD, {});
    clock = createFakeClock();
    folder = join(directory.path, 'serviceaccount');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'ca.crt'), authority.ca);
    writeFileSync(join(folder, 'token'), `${fake.token}\n`);
    writeFileSync(join(folder, 'namespace'), 'token-acquirer');
    api = inClusterApiServer({ folder, clock, environment: environmentOf(fake) });
  });
  afterEach(async () => {
    await api.close();
    await fake.stop();
    rmSync(folder, { recursive: true });
  });

  function environmentOf({ url }: FakeKubernetesApi): NodeJS.ProcessEnv {
    const { hostname, port } = new URL(url);
    return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  }

  /** Rotates the token as the kubelet does. The API server still accepts the old one unless a test removes it. */
  function rotate(): string {
    const next = secret('service-account-token');
    fake.accepted.add(next);
    writeFileSync(join(folder, 'token'), next);
    return next;
  }

  it('uses the token and the CA of the pod', async () => {
    expect(await readPod(api)).toBe('app');
    expect(api.baseUrl).toBe(fake.url);
    expect(ownNamespace(folder)).toBe('token-acquirer');
  });

  it('uses few sockets for many requests', async () => {
    for (let count = 0; count < 20; count += 1) await readPod(api);
    expect(fake.connections.opened).toBeLessThanOrEqual(4);
  });

  it('leaves no timer behind a request that was answered', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await readPod(api);
    const before = timers();
    for (let request = 0; request < 20; request += 1) await readPod(api);
    expect(timers()).toBeLessThanOrEqual(before + 2);
  });

  it('uses at most 16 sockets, not counting watches', async () => {
    const watches = Array.from({ length: 20 }, () =>
      new Watch(api.kubeConfig).watch(
        '/api/v1/namespaces/billing/pods',
        {},
        () => {},
        () => {},
      ),
    );
    await Promise.all(watches);
    await until('20 watches', () => fake.watches.open === 20, 5000);
    await Promise.all(Array.from({ length: 100 }, () => readPod(api)));
    expect(fake.connections.opened).toBeLessThanOrEqual(20 + 16);
  });

  it('uses the new token a minute after the rotation', async () => {
    await readPod(api);
    rotate();
    fake.accepted.delete(fake.token);
    await clock.advance(59_999);
    expect(statusOf(await failure(readPod(api)))).toBe(401);
    fake.accepted.add(fake.token);
    await readPod(api);
    rotate();
    await clock.advance(60_000);
    fake.accepted.delete(fake.token);
    expect(await readPod(api)).toBe('app');
  });

  it('uses the new token right after the old one was rejected, without a repetition of the request', async () => {
    await readPod(api);
    rotate();
    fake.accepted.delete(fake.token);
    const before = fake.requests.length;
    expect(statusOf(await failure(readPod(api)))).toBe(401);
    expect(fake.requests.length).toBe(before + 1);
    expect(await readPod(api)).toBe('app');
  });

  it('uses the last token while the file is missing', async () => {
    await readPod(api);
    rmSync(join(folder, 'token'));
    await clock.advance(60_000);
    expect(await readPod(api)).toBe('app');
  });

  it('sends no request without a token', async () => {
    writeFileSync(join(folder, 'token'), '\n');
    const error = await failure(readPod(api));
    expect(error).toBeInstanceOf(StoreError);
    expect(messageOf(error)).toMatch(/token is empty\. Mount the token of the ServiceAccount/);
  });

  it('rejects a certificate of another CA, and accepts it once the CA file changes', async () => {
    writeFileSync(join(folder, 'ca.crt'), other.ca);
    const error = apiFailure('The pod cannot be read', await failure(readPod(api)));
    expect(error.message).toMatch(
      /cannot be reached \((UNABLE_TO_VERIFY|DEPTH_ZERO|SELF_SIGNED|CERT_|UNABLE_TO_GET)\w*\)/,
    );
    expect(fake.requests).toEqual([]);
    writeFileSync(join(folder, 'ca.crt'), `${other.ca}${authority.ca}`);
    expect(await readPod(api)).toBe('app');
  });

  it('ends a request at the time limit, before or within an answer', async () => {
    const late = inClusterApiServer({ folder, environment: environmentOf(fake), timeout: 200 });
    for (const fault of [
      { delay: Number.POSITIVE_INFINITY },
      { status: 200, body: '{', headers: { 'Content-Length': '99' } },
    ]) {
      const heal = fake.intercept(() => fault);
      const error = await failure(readPod(late));
      expect(apiFailure('The pod cannot be read', error).message).toMatch(/did not answer in time/);
      heal();
    }
    expect(await readPod(api)).toBe('app');
    await late.close();
  });

  it('closes soon, though an answer is outstanding', async () => {
    fake.intercept(() => ({ delay: Number.POSITIVE_INFINITY }));
    const owed = failure(readPod(api));
    await until('the request', () => fake.requests.length > 0, 5000);
    const began = performance.now();
    await api.close();
    // A second; without the limit it would be ten.
    expect(performance.now() - began).toBeLessThan(5000);
    expect(apiFailure('The pod cannot be read', await owed)).toBeInstanceOf(StoreError);
  });

  it('opens new sockets after it was closed', async () => {
    expect(await readPod(api)).toBe('app');
    await api.close();
    expect(await readPod(api)).toBe('app');
  });

  it('ends its watches when it closes', async () => {
    let ends = 0;
    await new Watch(api.kubeConfig).watch(
      '/api/v1/namespaces/billing/pods',
      {},
      () => {},
      () => (ends += 1),
    );
    await until('the watch', () => fake.watches.open === 1, 5000);
    await api.close();
    await until('its end', () => ends === 1 && fake.watches.open === 0, 5000);
  });
});

describe('the settings of the connection to the API server', () => {
  it.each<[what: string, make: () => unknown, says: RegExp]>([
    [
      'this is not a pod',
      () => inClusterApiServer({ environment: {} }),
      /KUBERNETES_SERVICE_HOST is not set.*--kubeconfig FILE/,
    ],
    [
      'the pod has no ServiceAccount',
      () => inClusterApiServer({ folder: '/nowhere', environment: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } }),
      /\/nowhere\/ca\.crt cannot be read \(ENOENT\)\. Mount the ServiceAccount/,
    ],
    ['the pod has no namespace', () => ownNamespace('/nowhere'), /\/nowhere\/namespace cannot be read \(ENOENT\)/],
    ['no kubeconfig exists', () => kubeconfigApiServer('/nowhere/config'), /\/nowhere\/config cannot be read/],
    ['the kubeconfig is not YAML', () => kubeconfigApiServer(kubeconfig('{ a: [')), /is damaged/],
    ['the kubeconfig is empty', () => kubeconfigApiServer(kubeconfig('')), /is damaged|no current context/],
    [
      'the kubeconfig has no context',
      () => kubeconfigApiServer(kubeconfig('{"clusters":[],"users":[],"contexts":[]}')),
      /no current context/,
    ],
    [
      'the kubeconfig names a proxy',
      () => kubeconfigApiServer(kubeconfig(of({ 'proxy-url': 'http://p' }))),
      /proxy-url/,
    ],
    [
      'the kubeconfig uses plain http',
      () => kubeconfigApiServer(kubeconfig(of({ server: 'http://example.org' }))),
      /without TLS/,
    ],
  ])('lead to a clear error if %s', (_what, make, says) => {
    let error: unknown;
    try {
      make();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect(messageOf(error)).toMatch(says);
  });

  function kubeconfig(text: string): string {
    const file = join(directory.path, 'kubeconfig');
    writeFileSync(file, text);
    return file;
  }

  function of(cluster: Record<string, string>): string {
    const named = { name: 'c', cluster: { server: 'https://example.org', ...cluster } };
    const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
    const users = [{ name: 'u', user: {} }];
    return JSON.stringify({ clusters: [named], users, contexts: [context], 'current-context': 'x' });
  }
});
