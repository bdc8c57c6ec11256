import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { TestCluster } from '../cluster/cluster.ts';
import { describeInCluster } from '../cluster/in-cluster.ts';
import type { CommandFailed } from '../real/install/run.ts';
import { realParts } from '../real/real-parts.ts';
import { failure } from '../support/failure.ts';
import { type Container, type KubernetesObject, objectsIn, type PodSpec } from '../support/manifests.ts';
import { HELMS } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';

const CHART = join(import.meta.dirname, '../../charts/token-acquirer-client');
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The example application by this helm, which has made its dependency. */
async function startApplication(name: (typeof HELMS)[number]) {
  const binary = (await helmBinaries()).find((one) => one.name === name);
  if (binary === undefined) throw new Error(`There is no ${name}.`);
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-client-chart-'));
  folders.push(folder);
  cpSync(CHART, folder, { recursive: true });
  const example = join(folder, 'example');
  await helm(binary, ['dependency', 'build', example]);
  const render = async (tokenAcquirer: unknown): Promise<readonly KubernetesObject[]> => {
    const args = ['template', 'billing-app', example, '--namespace=billing', '--values=-'];
    const text = await helm(binary, args, { input: stringify({ tokenAcquirer }) });
    return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  };
  const lint = (chart: string): Promise<string> => helm(binary, ['lint', '--strict', join(folder, chart)]);
  return { render, lint, stop: async () => {} };
}

function podOf(objects: readonly KubernetesObject[]): { readonly spec: PodSpec; readonly container: Container } {
  const spec = objects.find(({ kind }) => kind === 'Deployment')?.spec?.template?.spec;
  const [container] = spec?.containers ?? [];
  if (spec === undefined || container === undefined) throw new Error('There is no Deployment with a container.');
  return { spec, container };
}

const valuesOf = ({ env = [] }: Container): Record<string, string | undefined> =>
  Object.fromEntries(env.map(({ name, value }) => [name, value]));
const MINIMAL = { secret: 'billing-tokens', tokens: ['dynamics'] };

describe.each(HELMS)('the library chart, by %s', (name) => {
  const application = realParts(() => startApplication(name));
  const podWith = async (values: object) => podOf(await application().render({ ...MINIMAL, ...values }));

  it.each(['.', 'example'])('passes helm lint: %s', async (chart) => {
    expect(await application().lint(chart)).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it('gives a pod what the manifest of the same application has', async () => {
    const { spec, container } = await podWith({ namespace: 'billing' });
    const manifest = podOf(objectsIn('manifests/client-app.yaml'));
    expect({ ...spec, containers: [] }).toEqual({ ...manifest.spec, containers: [] });
    expect(container).toEqual(manifest.container);
  });

  it('takes the namespace of the pod where none is named', async () => {
    const { container } = await podWith({});
    expect(container.env).toContainEqual({
      name: 'REISSUE_NAMESPACE',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
    });
  });

  it('lists three keys of each token, by its name also where its key is another', async () => {
    const { spec } = await podWith({ tokens: ['dynamics', { name: 'crm', key: 'crm-token' }] });
    expect(spec.volumes?.[0]?.secret?.items).toEqual([
      { key: 'dynamics', path: 'dynamics' },
      { key: 'dynamics.json', path: 'dynamics.json' },
      { key: 'crm-token', path: 'crm' },
      { key: 'crm-token.json', path: 'crm.json' },
      { key: 'ca.crt', path: 'ca.crt' },
    ]);
  });

  it('calls another release of the token-acquirer', async () => {
    const { spec, container } = await podWith({ endpoint: { service: 'tokens', namespace: 'platform', port: 443 } });
    expect(valuesOf(container)).toMatchObject({ REISSUE_URL: 'https://tokens.platform.svc:443' });
    expect(spec.volumes?.[1]?.projected?.sources).toEqual([
      { serviceAccountToken: { audience: 'tokens.platform', expirationSeconds: 3600, path: 'token' } },
    ]);
  });

  it('has another audience and time in the token of the caller', async () => {
    const { spec } = await podWith({ audience: 'tokens.example', expirationSeconds: 600 });
    expect(spec.volumes?.[1]?.projected?.sources).toEqual([
      { serviceAccountToken: { audience: 'tokens.example', expirationSeconds: 600, path: 'token' } },
    ]);
  });

  it.each([
    [
      { configMap: 'corporate-ca' },
      { configMap: { name: 'corporate-ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
    [{ secret: 'issuer', key: 'tls.crt' }, { secret: { name: 'issuer', items: [{ key: 'tls.crt', path: 'ca.crt' }] } }],
  ])('trusts the certificates of %o, and those of the token Secret no more', async (certificateAuthority, source) => {
    const { spec, container } = await podWith({ certificateAuthority });
    expect(spec.volumes?.[0]?.secret?.items?.map(({ key }) => key)).toEqual(['dynamics', 'dynamics.json']);
    expect(spec.volumes?.[1]?.projected?.sources).toContainEqual(source);
    expect(valuesOf(container)).toMatchObject({ CA_FILE: '/var/run/secrets/token-acquirer/ca.crt' });
  });

  it('trusts public CAs where that is said, and lists no missing key', async () => {
    const { spec, container } = await podWith({ certificateAuthority: { public: true } });
    expect(JSON.stringify(spec)).not.toContain('ca.crt');
    expect(Object.keys(valuesOf(container))).not.toContain('CA_FILE');
  });

  it('leaves names texts that YAML takes for numbers', async () => {
    const { spec } = await podWith({ secret: '1', certificateAuthority: { configMap: '2' } });
    expect(spec.volumes?.[0]?.secret?.secretName).toBe('1');
    expect(spec.volumes?.[1]?.projected?.sources?.[1]).toMatchObject({ configMap: { name: '2' } });
  });

  it('gives a pod that only reads its tokens nothing to call with', async () => {
    const { spec, container } = await podWith({ reissue: false });
    expect(spec.volumes?.map(({ name: volume }) => volume)).toEqual(['tokens']);
    expect(spec.volumes?.[0]?.secret?.items?.map(({ key }) => key)).toEqual(['dynamics', 'dynamics.json']);
    expect(container.volumeMounts).toHaveLength(1);
    expect(Object.keys(valuesOf(container))).toEqual(['SERVICE_URL', 'TOKEN_NAME', 'TOKEN_DIRECTORY', 'LISTEN']);
  });

  it('mounts elsewhere, under other names', async () => {
    const places = { tokenDirectory: '/run/tokens', callerTokenDirectory: '/run/caller' };
    const { spec, container } = await podWith({ ...places, volumePrefix: 'oauth-' });
    expect(spec.volumes?.map(({ name: volume }) => volume)).toEqual(['oauth-tokens', 'oauth-caller-token']);
    expect(container.volumeMounts).toEqual([
      { name: 'oauth-tokens', mountPath: '/run/tokens', readOnly: true },
      { name: 'oauth-caller-token', mountPath: '/run/caller', readOnly: true },
    ]);
    expect(valuesOf(container)).toMatchObject({
      TOKEN_DIRECTORY: '/run/tokens',
      CALLER_TOKEN_FILE: '/run/caller/token',
      CA_FILE: '/run/tokens/ca.crt',
    });
  });

  it.each<[string, unknown, string]>([
    ['no values', null, 'it takes a mapping such as { secret: billing-tokens, tokens: [dynamics] }, and got nothing'],
    ['a text', 'billing-tokens', 'and got string: pass it the values'],
    ['no Secret', { ...MINIMAL, secret: null }, 'secret is missing: name the Secret that the token-acquirer writes'],
    [
      'an empty Secret',
      { ...MINIMAL, secret: '' },
      'secret is missing: name the Secret that the token-acquirer writes',
    ],
    ['a Secret in capitals', { ...MINIMAL, secret: 'Tokens' }, 'secret "Tokens" is not a valid name of a Secret'],
    [
      'no tokens',
      { ...MINIMAL, tokens: null },
      'tokens is missing, or is not a list: list the names of the tokens to mount',
    ],
    ['a text for tokens', { ...MINIMAL, tokens: 'dynamics' }, 'tokens is missing, or is not a list'],
    ['an empty list', { ...MINIMAL, tokens: [] }, 'tokens is empty: list the names of the tokens to mount'],
    [
      'a bad name',
      { ...MINIMAL, tokens: ['dynamics', 'Crm'] },
      'tokens[1] has no name, or one that is not a valid DNS label',
    ],
    ['only a key', { ...MINIMAL, tokens: [{ key: 'crm' }] }, 'tokens[0] has no name'],
    ['one twice', { ...MINIMAL, tokens: ['crm', 'crm'] }, 'tokens[1]: crm is listed twice: remove one of them'],
    [
      'a typo in a token',
      { ...MINIMAL, tokens: [{ nmae: 'a' }] },
      'tokens[0]: unknown key "nmae". Valid keys of a token',
    ],
    ['a typo', { ...MINIMAL, token: ['crm'] }, 'unknown key "token". Valid keys: secret, tokens, namespace'],
    ['a typo further down', { ...MINIMAL, endpoint: { host: 'a' } }, 'unknown key "host". Valid keys of endpoint'],
    ['a URL for the endpoint', { ...MINIMAL, endpoint: 'https://a' }, 'endpoint takes { service, namespace, port }'],
    ['no CA', { ...MINIMAL, certificateAuthority: { key: 'a' } }, 'needs either configMap or secret'],
    [
      'two CAs',
      { ...MINIMAL, certificateAuthority: { configMap: 'a', secret: 'b' } },
      'needs either configMap or secret',
    ],
    ['quotes', { ...MINIMAL, reissue: 'false' }, 'reissue is either true or false, without quotes'],
  ])('says what is wrong with %s', async (_, values, sentence) => {
    const { output } = (await failure(application().render(values))) as CommandFailed;
    expect(output).toContain('token-acquirer-client.env: ');
    expect(output).toContain(sentence);
  });
});

describeInCluster('the example of the library chart', (cluster: () => TestCluster) => {
  it.each(HELMS)('is taken by the API server as %s renders it, in a restricted namespace', async (name) => {
    const { render } = await startApplication(name);
    const namespace = await cluster().namespace('client-chart');
    try {
      const label = 'pod-security.kubernetes.io/enforce=restricted';
      await cluster().kubectl(['label', 'namespace', namespace.name, label]);
      await cluster().kubectl(['create', 'serviceaccount', 'billing-app', `--namespace=${namespace.name}`]);
      const objects = await render(MINIMAL);
      const { spec } = podOf(objects);
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'tried-out' }, spec };
      for (const object of [...objects, pod]) {
        const options = [`--namespace=${namespace.name}`, '--dry-run=server', '--validate=strict', '--output=name'];
        const made = await cluster().kubectl(['apply', ...options, '-f', '-'], JSON.stringify(object));
        expect(made).toContain(object.metadata.name);
      }
    } finally {
      await namespace.remove();
    }
  });
});
