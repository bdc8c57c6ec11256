import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { command, type Ended } from './acquirer-process.ts';

const NAMESPACE = 'token-acquirer';
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/token-acquirer`;
const IN_CLUSTER = ['--namespace', NAMESPACE];
const INTERVAL = ['interval', 'set', 'dynamics', '10m'];

let fake: FakeKubernetesApi;
let directory: ReturnType<typeof temporaryDirectory>;

beforeEach(async () => {
  directory = temporaryDirectory();
  fake = await startKubernetesApi({ user: 'ann@example.com' });
  fake.objects.put(`/api/v1/namespaces/${NAMESPACE}`, {});
  fake.objects.put(DEPLOYMENT, acquirer(['dynamics-credentials', 'dynamics-interval']));
});
afterEach(async () => {
  await fake.stop();
  directory.remove();
});

function acquirer(secrets: readonly string[]): JsonObject {
  const mountPath = '/credentials/dynamics';
  const spec = {
    containers: [
      {
        name: 'token-acquirer',
        args: ['run', '--credentials=/credentials'],
        volumeMounts: [{ name: 'dynamics', mountPath }],
      },
    ],
    volumes: [{ name: 'dynamics', projected: { sources: secrets.map((name) => ({ secret: { name } })) } }],
  };
  return { spec: { template: { spec } } };
}

const EVIL = { token: 'a/b/c\u001b[2J\u009b2J', state: 'Valid\u202e', stored: true, conditions: [] };

function configurationOf(credential: string): string {
  return JSON.stringify({
    authorizationServers: { corporate: { tokenEndpoint: 'https://login.example.com/token' } },
    tokens: [
      {
        name: 'dynamics',
        authorizationServer: 'corporate',
        credential,
        grant: 'client_credentials',
        secret: { namespace: 'billing', name: 'billing-tokens' },
      },
    ],
  });
}

/** As a user whose kubeconfig is where kubectl looks for it. */
function asUser(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return command(args, input, { KUBECONFIG: fake.kubeconfig, HOME: directory.path, ...env });
}

function dataOf(name: string): Record<string, string> {
  const { data = {} } = (fake.objects.get(`${SECRETS}/${name}`) ?? {}) as { data?: Record<string, string> };
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

function file(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** A user whose token a program gets. */
function kubeconfigWithProgram(program: string, ...args: string[]): string {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: program, args, interactiveMode: 'Never' };
  return file(
    'program',
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: fake.url } }],
      users: [{ name: 'u', user: { exec } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
}

describe('a credential is set in the cluster', () => {
  it('with all of its values together, none of which is printed', async () => {
    const password = secret('client-secret');
    const input = `client_id=billing\nclient_secret=${password}\n`;
    const { code, stdout, stderr } = await asUser(['credentials', 'set', 'dynamics', ...IN_CLUSTER], input);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      "dynamics: client_id, client_secret set (new Secret token-acquirer/dynamics-credentials)\nThe kubelet brings it into the token-acquirer's volume within 40 to 90 s; then it is in force, without a restart.\nThen try it: kubectl -n token-acquirer exec deployment/token-acquirer -- token-acquirer credentials check dynamics\n",
    );
    expect(dataOf('dynamics-credentials')['client_id']).toBe('billing');
    expect(dataOf('dynamics-credentials')['client_secret'] === password).toBe(true);
    expect(fake.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET ${DEPLOYMENT.slice(0, DEPLOYMENT.lastIndexOf('/'))}`,
      `PATCH ${SECRETS}/dynamics-credentials`,
      `POST ${SECRETS}`,
    ]);
  });

  it('as one value of many lines, in a Secret that is named and kept by something else', async () => {
    const key = `-----BEGIN PRIVATE KEY-----\n${secret('private-key')}\n-----END PRIVATE KEY-----`;
    const annotations = { 'argocd.argoproj.io/tracking-id': 'x' };
    fake.objects.put(`${SECRETS}/shared`, { metadata: { annotations }, data: { client_id: 'YQ==' } });
    const args = ['credentials', 'set', 'dynamics', '--key', 'private_key', '--secret', 'shared', ...IN_CLUSTER];
    const { code, stdout, stderr } = await asUser(args, `${key}\n`);
    expect([code, stdout]).toEqual([0, 'dynamics: private_key set (Secret token-acquirer/shared)\n']);
    expect(stderr.split('\n')).toEqual([
      'Warning: The Secret is kept by Argo CD, which may take this back: change it there, too.',
      'Warning: deployment/token-acquirer does not mount the Secret shared. Its credential dynamics comes from dynamics-credentials, dynamics-interval: name one with --secret.',
      '',
    ]);
    expect(dataOf('shared')['private_key'] === key).toBe(true);
    expect(dataOf('shared')['client_id']).toBe('a');
  });

  it('where it cannot be known who reads it, without a word about that', async () => {
    fake.deny({ verb: 'list', resource: 'deployments' });
    const { code, stdout, stderr } = await asUser([...INTERVAL, ...IN_CLUSTER]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('(new Secret token-acquirer/dynamics-interval)\nThe kubelet brings it');
    expect(dataOf('dynamics-interval')).toEqual({ interval: '10m' });
  });

  it('although no token-acquirer has it yet, where a configuration that is named uses it', async () => {
    const config = file('config.yaml', configurationOf('orders'));
    const { code, stderr } = await asUser(['interval', 'set', 'orders', '10m', '--config', config, ...IN_CLUSTER]);
    expect(code).toBe(0);
    expect(stderr).toContain('deployment/token-acquirer has no credential orders, so nothing reads this Secret.');
    expect(dataOf('orders-interval')).toEqual({ interval: '10m' });
  });

  it('before there is a token-acquirer, with a warning', async () => {
    fake.objects.delete(DEPLOYMENT);
    const { code, stderr } = await asUser([...INTERVAL, ...IN_CLUSTER]);
    expect([code, stderr]).toEqual([
      0,
      'Warning: There is no Deployment of a token-acquirer in the namespace token-acquirer. Nothing reads this Secret until one exists.\n',
    ]);
  });

  it('with a token that a program gets, as for kubectl', async () => {
    const credential = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };
    const answer = file('answer', JSON.stringify({ ...credential, status: { token: fake.token } }));
    const config = kubeconfigWithProgram('/bin/cat', answer);
    const { code, stderr } = await asUser([...INTERVAL, ...IN_CLUSTER, '--kubeconfig', config]);
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('a credential that nothing uses is an error, and nothing is written', () => {
  const TYPO = ['interval', 'set', 'dynamcis', '10m'];

  it.each([
    ['interval set', TYPO],
    ['credentials set', ['credentials', 'set', 'dynamcis']],
  ])('with %s in a cluster', async (_command, args) => {
    const { code, stdout, stderr } = await asUser([...args, ...IN_CLUSTER], 'client_id=a\n');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(
      'deployment/token-acquirer in the namespace token-acquirer has no credential of this name, so nothing was written. Credentials: dynamics.',
    );
    expect(fake.requests.map(({ method }) => method)).toEqual(['GET']);
  });

  it('with interval set in a folder', async () => {
    const credentials = join(directory.path, 'credentials');
    mkdirSync(join(credentials, 'dynamics'), { recursive: true });
    const { code, stdout, stderr } = await asUser([...TYPO, '--credentials', credentials]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(
      `${credentials} has no credential folder of this name, so nothing was written. Existing folders: dynamics.`,
    );
    expect(readdirSync(credentials)).toEqual(['dynamics']);
    expect((await asUser([...INTERVAL, '--credentials', credentials])).code).toBe(0);
    expect(readFileSync(join(credentials, 'dynamics', 'interval'), 'utf8')).toBe('10m');
  });

  it.each([
    ['interval set', TYPO],
    ['credentials set', ['credentials', 'set', 'dynamcis']],
  ])('with %s and a configuration', async (_command, args) => {
    const credentials = join(directory.path, 'credentials');
    mkdirSync(join(credentials, 'dynamcis'), { recursive: true });
    const config = file('config.yaml', configurationOf('dynamics'));
    const ended = await asUser([...args, '--credentials', credentials, '--config', config], 'client_id=a\n');
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toContain('uses a credential of this name, so nothing was written. Credentials: dynamics.');
    expect(readdirSync(join(credentials, 'dynamcis'))).toEqual([]);
  });
});

describe('what a server sent', () => {
  it('reaches no terminal as a control sequence', async () => {
    const server = createServer((_request, response) => void response.end(JSON.stringify({ tokens: [EVIL] })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const output of ['table', 'json']) {
        const { stdout, stderr } = await command(['status', '--status-url', url, '-o', output], '', {});
        expect(stdout).toContain('\\u001b');
        expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('what cannot be set ends with a sentence and an exit code', () => {
  it.each<[string, () => Promise<Ended>, number, string]>([
    ['with no place named', () => asUser(INTERVAL), 2, 'Name the place of the credential: --namespace NAMESPACE'],
    [
      'without a kubeconfig, though it is a pod that has its own permissions',
      () => asUser([...INTERVAL, ...IN_CLUSTER], '', { KUBECONFIG: '', KUBERNETES_SERVICE_HOST: '127.0.0.1' }),
      2,
      '.kube/config does not exist. Log in to the cluster as for kubectl, or name a file with --kubeconfig.',
    ],
    [
      'in a context that there is not',
      () => asUser([...INTERVAL, ...IN_CLUSTER, '--context', 'prod']),
      2,
      'has no context prod. Contexts: ',
    ],
    [
      'as a user whom no program gets a token',
      () => asUser([...INTERVAL, ...IN_CLUSTER, '--kubeconfig', kubeconfigWithProgram('/nowhere/login')]),
      1,
      'cannot be authenticated. Try: kubectl --kubeconfig',
    ],
    [
      'where no API server answers',
      () => {
        const unreachable = file('gone', readFileSync(fake.kubeconfig, 'utf8').replace(fake.url, 'http://127.0.0.1:1'));
        return asUser([...INTERVAL, ...IN_CLUSTER, '--kubeconfig', unreachable]);
      },
      3,
      'cannot be reached (ECONNREFUSED). Check that this is the right cluster',
    ],
    [
      'as a user who is not known',
      () => {
        fake.accepted.clear();
        return asUser([...INTERVAL, ...IN_CLUSTER]);
      },
      1,
      'the API server does not know the user of the kubeconfig (401). Log in again, as for kubectl.',
    ],
    [
      'as a user without the permission',
      () => {
        fake.deny({ verb: 'patch', resource: 'secrets' });
        return asUser([...INTERVAL, ...IN_CLUSTER]);
      },
      1,
      'ann@example.com may not patch secrets in the namespace token-acquirer (403).',
    ],
    [
      'in a namespace that there is not',
      () => asUser([...INTERVAL, '--namespace', 'billing']),
      1,
      'there is no namespace billing. Make it, or correct --namespace.',
    ],
    [
      'as a value of two lines',
      () => asUser(['credentials', 'set', 'dynamics', '--key', 'password', ...IN_CLUSTER], 'a\nb\n'),
      2,
      'The value of password has more than one line.',
    ],
    [
      'for a credential that no Secret can be called after',
      () => asUser(['credentials', 'set', 'Dynamics CRM', ...IN_CLUSTER], 'client_id=a\n'),
      2,
      'The name of the credential has other characters: correct it',
    ],
  ])('%s', async (_what, act, code, sentence) => {
    const ended = await act();
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(ended.stderr).toContain(sentence);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect(ended.stderr).not.toContain('    at ');
  });
});
