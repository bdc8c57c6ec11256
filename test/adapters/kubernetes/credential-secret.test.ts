import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, kubeconfigApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { readDeployments, writeSecretKeys } from '../../../src/adapters/kubernetes/terminal/credential-secret.ts';
import { messageOf, StoreError } from '../../../src/core/errors.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { describeSecretWriter, secretObject } from '../../contract/secret-writer.ts';
import {
  type FakeKubernetesApi,
  type Fault,
  type JsonObject,
  startKubernetesApi,
  writeKubeconfig,
} from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const NAMESPACE = 'token-acquirer';
const TARGET = { namespace: NAMESPACE, secret: 'dynamics-credentials' };
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const ALL_VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

describeSecretWriter('Keys of Secrets on the fake API server', async () => {
  const fake = await startKubernetesApi({ user: 'ann@example.com' });
  fake.objects.put(`/api/v1/namespaces/${NAMESPACE}`, {});
  const directory = temporaryDirectory();
  const opened: ApiServer[] = [];
  return {
    namespace: NAMESPACE,
    as: async (verbs = ['patch', 'create']) => {
      const denied = ALL_VERBS.filter((verb) => !verbs.some((allowed) => allowed === verb));
      for (const verb of denied) fake.deny({ verb, resource: 'secrets' });
      return fake.connect();
    },
    asNobody: () => {
      const file = `${directory.path}/kubeconfig`;
      writeKubeconfig(file, { url: fake.url, token: secret('nobody') });
      const api = kubeconfigApiServer(file);
      opened.push(api);
      return api;
    },
    make: async (name, body) =>
      void fake.objects.put(`${SECRETS}/${name}`, secretObject(name, body) as unknown as JsonObject),
    seen: async (name) => fake.objects.get(`${SECRETS}/${name}`) ?? {},
    stop: async () => {
      await Promise.all(opened.map((api) => api.close()));
      await fake.stop();
      directory.remove();
    },
  };
});

describe('the write of keys into a Secret', () => {
  let fake: FakeKubernetesApi;
  let api: ApiServer;
  beforeEach(async () => {
    fake = await startKubernetesApi();
    fake.objects.put(`/api/v1/namespaces/${NAMESPACE}`, {});
    api = fake.connect({ timeout: 300 });
  });
  afterEach(() => fake.stop());

  const write = (value = 'billing') => writeSecretKeys(api, TARGET, new Map([['client_secret', new Redacted(value)]]));
  const methods = (): string[] => fake.requests.map(({ method }) => method);

  it('needs one request for an existing Secret, two for a missing one, and returns no value', async () => {
    await write();
    await write();
    expect(methods()).toEqual(['PATCH', 'POST', 'PATCH']);
    expect(fake.requests.every(({ accept }) => accept.startsWith('application/json;as=PartialObjectMetadata'))).toBe(
      true,
    );
    expect(fake.requests.map(({ query }) => query.get('fieldManager'))).toEqual(
      Array.from({ length: 3 }, () => 'token-acquirer-terminal'),
    );
  });

  it('patches a Secret that another process created in between', async () => {
    fake.intercept((_request, { verb }) => {
      if (verb === 'create') fake.objects.put(`${SECRETS}/${TARGET.secret}`, { data: { other: 'eA==' } });
      return undefined;
    });
    expect(await write()).toMatchObject({ created: false });
    expect(methods()).toEqual(['PATCH', 'POST', 'PATCH']);
    expect(fake.objects.get(`${SECRETS}/${TARGET.secret}`)).toMatchObject({ data: { other: 'eA==' } });
  });

  it('succeeds though the answer is not JSON', async () => {
    fake.intercept(() => ({ status: 200, body: 'OK' }));
    expect(await write()).toEqual({ created: false, keeper: undefined });
  });

  it.each<[string, Fault, RegExp, boolean]>([
    [
      'does not answer',
      { delay: Number.POSITIVE_INFINITY },
      /the API server http\S+ did not answer in time\. Check that/,
      false,
    ],
    [
      'resets',
      { reset: true },
      /the API server http\S+ cannot be reached \(ECONNRESET\)\. Check .* kubectl version/,
      false,
    ],
    ['fails', { status: 500 }, /the API server cannot do it now \(500\)\. Try again\./, false],
    ['is overloaded', { status: 429 }, /the API server cannot do it now \(429\)\. Try again\./, false],
    ['denies it by a webhook', { status: 400 }, /denied patch secrets \(400 Injected\)\. Look for a policy/, true],
    ['forbids it with a reason', { status: 403 }, /forbids to patch secrets in the namespace .* policy or quota/, true],
    [
      'forbids it without a reason',
      { status: 403, body: 'no' },
      /kubectl auth can-i patch secrets\/dynamics-cred/,
      true,
    ],
    ['finds it too large', { status: 413 }, /larger than the API server takes/, true],
  ])('reports with a remedy and without a value that the API server %s', async (_what, fault, sentence, permanent) => {
    const value = secret('client-secret');
    fake.intercept(() => fault);
    const error = await failure(write(value));
    expect(error).toBeInstanceOf(StoreError);
    expect(messageOf(error)).toMatch(sentence);
    expect((error as StoreError).permanent).toBe(permanent);
    expect(messageOf(error)).not.toContain(value);
  });

  it('reports a namespace that is being deleted', async () => {
    fake.objects.put(`/api/v1/namespaces/${NAMESPACE}`, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    expect(messageOf(await failure(write()))).toContain(`the namespace ${NAMESPACE} is being deleted. Wait until`);
  });
});

describe('the list of Deployments', () => {
  const PATH = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
  let fake: FakeKubernetesApi;
  beforeEach(async () => {
    fake = await startKubernetesApi();
    fake.objects.put(`${PATH}/token-acquirer`, { spec: { replicas: 1 } });
  });
  afterEach(() => fake.stop());

  it('contains those of the namespace', async () => {
    fake.objects.put('/apis/apps/v1/namespaces/other/deployments/other', {});
    const found = await readDeployments(fake.connect(), NAMESPACE);
    expect(found?.map(({ metadata }) => metadata?.name)).toEqual(['token-acquirer']);
  });

  it.each<[string, () => unknown]>([
    ['is forbidden', () => fake.deny({ verb: 'list', resource: 'deployments' })],
    ['gets no answer', () => fake.intercept(() => ({ reset: true }))],
    ['gets an answer that is not JSON', () => fake.intercept(() => ({ status: 200, body: '<html>' }))],
  ])('is unknown if it %s', async (_what, arrange) => {
    arrange();
    expect(await readDeployments(fake.connect(), NAMESPACE)).toBeUndefined();
  });
});
