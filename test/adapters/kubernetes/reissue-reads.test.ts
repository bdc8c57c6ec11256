import type { V1PodSpec } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { configurationSource } from '../../../src/adapters/kubernetes/terminal/configuration-source.ts';
import {
  createCallerToken,
  readCertificates,
  readReissuePod,
} from '../../../src/adapters/kubernetes/terminal/reissue-reads.ts';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';

const FOLDER = '/etc/token-acquirer/config';

interface Parts {
  readonly args?: string[];
  readonly mountPath?: string;
  readonly subPath?: string;
  readonly items?: { key: string; path: string }[];
}

function spec({
  args = ['run', `--config=${FOLDER}/config.yaml`],
  mountPath = FOLDER,
  subPath,
  items,
}: Parts): V1PodSpec {
  const mount = { name: 'config', mountPath, ...(subPath !== undefined && { subPath }) };
  return {
    containers: [
      { name: 'sidecar', volumeMounts: [mount] },
      { name: 'token-acquirer', args, volumeMounts: [{ name: 'unknown', mountPath: FOLDER }, mount] },
    ],
    volumes: [{ name: 'config', configMap: { name: 'tokens-config', ...(items !== undefined && { items }) } }],
  };
}

describe('the configuration of a pod', () => {
  it.each<[what: string, parts: Parts, key: string | undefined]>([
    ['by its argument', {}, 'config.yaml'],
    ['by an argument of two words', { args: ['run', '--config', `${FOLDER}/a.yaml`] }, 'a.yaml'],
    ['in a folder with a slash at its end', { mountPath: `${FOLDER}/` }, 'config.yaml'],
    ['by another name of the key', { items: [{ key: 'b.yaml', path: 'config.yaml' }] }, 'b.yaml'],
    ['as one file', { mountPath: `${FOLDER}/config.yaml`, subPath: 'c.yaml' }, 'c.yaml'],
    ['not of another command', { args: ['validate', `--config=${FOLDER}/config.yaml`] }, undefined],
    ['not in another folder', { mountPath: '/etc/other' }, undefined],
    ['not without an argument', { args: ['run'] }, undefined],
  ])('is found %s', (_what, parts, key) => {
    expect(configurationSource(spec(parts))).toEqual(
      key === undefined ? undefined : { configMap: 'tokens-config', key },
    );
  });
});

describe('what a reissue needs', () => {
  let fake: FakeKubernetesApi;
  let api: ApiServer;
  beforeEach(async () => {
    fake = await startKubernetesApi({ user: 'ann@example.com' });
    api = fake.connect();
  });
  afterEach(() => fake.stop());

  const put = (path: string, object: object): void =>
    void fake.objects.put(`/api/v1/namespaces/tokens/${path}`, object as JsonObject);

  describe('of the pod', () => {
    const read = () => readReissuePod(api, 'tokens', 'one');

    it('is its configuration, and the port of the endpoint', async () => {
      put('pods/one', { spec: spec({}) });
      put('configmaps/tokens-config', { data: { 'config.yaml': 'tokens: []' } });
      expect(await read()).toEqual({ port: 8443, configuration: 'tokens: []' });
    });

    it('is the port that it names', async () => {
      const { containers, volumes } = spec({});
      for (const container of containers) container.ports = [{ name: 'https', containerPort: 9443 }];
      put('pods/one', { spec: { containers, volumes } });
      put('configmaps/tokens-config', { data: { 'config.yaml': '' } });
      expect((await read()).port).toBe(9443);
    });

    it.each<[what: string, objects: Readonly<Record<string, object>>, part: string]>([
      ['no pod', {}, 'The pod tokens/one cannot be read: it does not exist (404).'],
      ['no ConfigMap in it', { 'pods/one': { spec: { containers: [] } } }, 'has its configuration from no ConfigMap.'],
      ['no ConfigMap', { 'pods/one': { spec: spec({}) } }, 'The ConfigMap tokens/tokens-config cannot be read'],
      [
        'no key',
        { 'pods/one': { spec: spec({}) }, 'configmaps/tokens-config': { data: { other: '' } } },
        'The ConfigMap tokens/tokens-config has no key config.yaml.',
      ],
    ])('fails if there is %s', async (_what, objects, part) => {
      for (const [path, object] of Object.entries(objects)) put(path, object);
      const error = await failure(read());
      expect(error).toMatchObject({ name: 'StoreError', permanent: true });
      expect(String(error)).toContain(part);
    });
  });

  describe('of the ServiceAccount', () => {
    const PATH = '/api/v1/namespaces/billing/serviceaccounts/billing-app/token';
    const create = () => createCallerToken(api, { namespace: 'billing', name: 'billing-app' }, 'tokens.tokens');

    it('is a token for the audience, for as short as it can be', async () => {
      const token = secret('caller');
      fake.intercept(({ path }) => (path === PATH ? { status: 201, body: { status: { token } } } : undefined));
      expect((await create()).reveal()).toBe(token);
      expect(JSON.parse(fake.requests[0]?.body ?? '')).toMatchObject({
        kind: 'TokenRequest',
        spec: { audiences: ['tokens.tokens'], expirationSeconds: 600 },
      });
    });

    it('is not had by a user who may not make it', async () => {
      fake.intercept(() => ({ status: 403 }));
      const error = await failure(create());
      expect(error).toMatchObject({ permanent: true });
      expect(String(error)).toContain(
        'No token of the ServiceAccount billing/billing-app, a client of the token, can be made: the API server forbids it (403).',
      );
    });

    it('is not had from an answer without it', async () => {
      fake.intercept(() => ({ status: 201, body: { status: {} } }));
      expect(await failure(create())).toMatchObject({ permanent: false });
    });
  });

  describe('of the token Secret', () => {
    const read = () => readCertificates(api, 'tokens', 'billing-tokens');

    it('is the CA', async () => {
      put('secrets/billing-tokens', { data: { 'ca.crt': Buffer.from('CA').toString('base64') } });
      expect(await read()).toBe('CA');
    });

    it('is not had if it has none', async () => {
      put('secrets/billing-tokens', { data: {} });
      expect(String(await failure(read()))).toContain('The Secret tokens/billing-tokens has no ca.crt.');
    });

    it('is not had by a user who may not read it', async () => {
      fake.deny({ verb: 'get', resource: 'secrets' });
      expect(String(await failure(read()))).toContain(
        'ann@example.com may not get secrets in the namespace tokens (403).',
      );
    });
  });
});
