import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/token-acquirer/cli/exit-codes.ts';
import { doctor } from '../../src/token-acquirer/doctor-main.ts';
import { type FakeKubernetesApi, type JsonObject, writeKubeconfig } from '../fakes/kubernetes-api.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import {
  type DoctorOptions,
  type DoctorResult,
  failedChecks,
  runDoctor,
  startIssuer,
  startReviewingApi,
} from '../support/doctor-runs.ts';
import { failure } from '../support/failure.ts';
import {
  configurationText,
  fieldsOf,
  installObjects,
  NAMESPACE,
  PLACES,
  podWith,
  putTokens,
} from '../support/installed-objects.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let fake: FakeKubernetesApi;
let server: LoopbackServer;
/** With a certificate of a CA that nobody knows. */
let tls: LoopbackServer;
let authority: CertificateAuthority;
let directory: ReturnType<typeof temporaryDirectory>;
/** What the API server answers to a question about a permission. */
let isAllowed: (spec: JsonObject) => boolean;

beforeAll(async () => {
  authority = createCertificateAuthority();
  tls = await startHttpServer((_request, response) => response.end('{}'), authority.issue());
});
afterAll(async () => {
  await tls.stop();
  authority.remove();
});

beforeEach(async () => {
  directory = temporaryDirectory();
  isAllowed = () => true;
  server = await startIssuer();
  fake = await startReviewingApi((spec) => isAllowed(spec));
  installObjects(fake, configurationText(server.url));
});
afterEach(async () => {
  await Promise.all([fake.stop(), server.stop()]);
  directory.remove();
});

const options = { namespace: NAMESPACE, output: 'json' } as const;

const run = (given: Partial<DoctorOptions> = {}): Promise<DoctorResult> =>
  runDoctor({ kubeconfig: fake.kubeconfig, ...given });
const failed = failedChecks;

const asFile = (text: string): string => {
  const file = join(directory.path, 'config.yaml');
  writeFileSync(file, text);
  return file;
};

describe('the doctor of a cluster', () => {
  it('finds nothing in a healthy installation, changes nothing, and reads no credential', async () => {
    const result = await run();
    expect([result.code, failed(result)]).toEqual([0, []]);
    expect(result.checks.every((check) => check.result === 'passed')).toBe(true);
    expect(result.checks.length).toBeGreaterThanOrEqual(25);
    const writes = fake.requests.filter(({ method, path }) => method !== 'GET' && !path.endsWith('accessreviews'));
    expect(writes).toEqual([]);
    const ofCredential = fake.requests.filter(({ path }) => path === PLACES.credential);
    expect(ofCredential.map(({ accept }) => accept)).toEqual([expect.stringContaining('PartialObjectMetadata')]);
  });

  it('finds nothing before an installation that can be made', async () => {
    fake.objects.delete(PLACES.deployment);
    const result = await run({ pre: true, config: asFile(configurationText(server.url)) });
    expect([result.code, failed(result)]).toEqual([0, []]);
  });

  it('takes a configuration that is named instead of the one in the cluster', async () => {
    const result = await run({ config: asFile('tokens: []') });
    expect([result.code, failed(result)]).toEqual([1, ['configuration']]);
  });

  it.each<[string, string, () => void]>([
    ['no Deployment', 'deployment', () => fake.objects.delete(PLACES.deployment)],
    ['no configuration', 'configuration', () => fake.objects.delete(PLACES.config)],
    [
      'an invalid configuration',
      'configuration',
      () => fake.objects.put(PLACES.config, { data: { 'config.yaml': 'x' } }),
    ],
    ['no credential', 'credential-secret', () => fake.objects.delete(PLACES.credential)],
    [
      'a credential without a key',
      'credential-keys',
      () => fake.objects.put(PLACES.credential, { metadata: { managedFields: [fieldsOf('kubectl', ['client_id'])] } }),
    ],
    ['no token Secret', 'secret', () => fake.objects.delete(PLACES.tokens)],
    [
      'an empty token Secret',
      'secret-keys',
      () => fake.objects.put(PLACES.tokens, { metadata: { managedFields: [fieldsOf('helm', [])] } }),
    ],
    ['another writer', 'secret-writer', () => putTokens(fake, { manager: 'kubectl-edit' })],
    ['an expired token', 'token-expired', () => putTokens(fake, { expiresAt: Date.now() - 60_000 })],
    [
      'a renewal that fails',
      'renewal',
      () =>
        fake.objects.put('/api/v1/namespaces/billing/events/e', {
          involvedObject: { kind: 'Secret', name: 'billing-tokens' },
          reportingComponent: 'token-acquirer',
          reason: 'RenewalFailed',
          message: 'The server rejected the client.',
          lastTimestamp: new Date().toISOString(),
        }),
    ],
    [
      'an old Kubernetes',
      'kubernetes',
      () => fake.documents.set('/version', { major: '1', minor: '20', gitVersion: 'v1.20.1' }),
    ],
    [
      'no permission to review tokens',
      'acquirer-permissions',
      () => (isAllowed = ({ resourceAttributes }) => !JSON.stringify(resourceAttributes).includes('tokenreviews')),
    ],
    ['no Lease', 'lease', () => fake.objects.delete(PLACES.lease)],
    ['a free Lease', 'lease', () => fake.objects.put(PLACES.lease, { spec: { holderIdentity: '' } })],
    ['no Service', 'endpoint', () => fake.objects.delete(PLACES.service)],
    ['no ServiceAccount', 'client-account', () => fake.objects.delete(PLACES.account)],
    ['no permission in the namespace', 'acquirer-permissions', () => (isAllowed = ({ user }) => user === undefined)],
    [
      'environment variables',
      'pod-environment',
      () => {
        const env = [{ name: 'T', valueFrom: { secretKeyRef: { name: 'billing-tokens', key: 'dynamics' } } }];
        fake.objects.put(PLACES.pod, podWith({ env }));
      },
    ],
    [
      'subPath',
      'pod-subpath',
      () => {
        const volumeMounts = [{ name: 'tokens', mountPath: '/t/dynamics', subPath: 'dynamics' }];
        fake.objects.put(PLACES.pod, podWith({ volumeMounts }));
      },
    ],
    [
      'a selector that matches nothing',
      'selector',
      () => fake.objects.put(PLACES.pod, { ...podWith({}), metadata: { labels: { app: 'other' } } }),
    ],
    [
      'a policy without rules',
      'policy-client',
      () => {
        const egress = [{ ports: [{ port: 53, protocol: 'UDP' }] }];
        fake.objects.put(PLACES.policy, { spec: { podSelector: {}, policyTypes: ['Egress'], egress } });
      },
    ],
    [
      'a CA that nobody made',
      'server-ca',
      () => {
        const caFile = '/etc/token-acquirer/authorities/corporate/ca.crt';
        const config = configurationText(tls.url, { caFile });
        fake.objects.put(PLACES.config, { data: { 'config.yaml': config } });
      },
    ],
    [
      'a Service that does not exist',
      'server-service',
      () => {
        const config = configurationText('https://keycloak.auth.svc:8443/realms/x');
        fake.objects.put(PLACES.config, { data: { 'config.yaml': config } });
      },
    ],
  ])('finds %s, and nothing else', async (_what, check, plant) => {
    plant();
    const result = await run();
    expect([result.code, failed(result)]).toEqual([1, [check]]);
  });

  it('finds a namespace that is missing, and permissions that the user lacks, before an installation', async () => {
    fake.objects.delete('/api/v1/namespaces/billing');
    isAllowed = ({ resourceAttributes }) => JSON.stringify(resourceAttributes).includes('"apps"');
    const result = await run({ pre: true, config: asFile(configurationText(server.url)) });
    expect(failed(result)).toEqual(['namespaces', 'installer-permissions']);
  });

  it('trusts the CA that the pods of the token-acquirer have', async () => {
    const caFile = '/etc/token-acquirer/authorities/corporate/ca.crt';
    const tokenEndpoint = `${tls.url}/token`;
    fake.objects.put(PLACES.config, { data: { 'config.yaml': configurationText(tls.url, { caFile, tokenEndpoint }) } });
    const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/corporate-ca`;
    fake.objects.put(path, { data: { 'root.pem': authority.ca } });
    expect(failed(await run())).toEqual([]);
    const other = createCertificateAuthority();
    fake.objects.put(path, { data: { 'root.pem': other.ca } });
    other.remove();
    expect(failed(await run())).toEqual(['server-certificate']);
  });

  it('judges all but the certificate of a server whose CA is elsewhere', async () => {
    const file = asFile(configurationText(tls.url, { caFile: '/nowhere/ca.crt' }));
    expect(failed(await run({ pre: true, config: file }))).toEqual([]);
    await tls.stop();
    expect(failed(await run({ pre: true, config: file }))).toEqual(['server-connection']);
  });

  it('takes the configuration out of a ConfigMap', async () => {
    const data = { 'config.yaml': configurationText(server.url) };
    const file = asFile(JSON.stringify({ kind: 'ConfigMap', data }));
    expect(failed(await run({ pre: true, config: file }))).toEqual([]);
  });

  it('checks a credentials folder instead of Secrets, if one is named', async () => {
    fake.objects.delete(PLACES.credential);
    const given = { pre: true, config: asFile(configurationText(server.url)), credentials: directory.path };
    expect(failed(await run(given))).toEqual(['credential-folder']);
  });

  it('reports what the user may not read, and concludes nothing from it', async () => {
    fake.deny({ verb: 'list', resource: 'pods' });
    fake.deny({ verb: 'get', resource: 'secrets' });
    const result = await run();
    expect(failed(result)).toEqual(['own-permissions']);
    expect(result.text).toContain('You may not list pods in the namespace billing');
    expect(result.text).toContain('You may not get secrets in the namespace token-acquirer');
  });

  it('prints a table, with what, why and what to type', async () => {
    fake.objects.delete(PLACES.tokens);
    let text = '';
    const output = { out: (part: string) => void (text += part), error: () => {} };
    await failure(doctor({ ...options, output: 'table', kubeconfig: fake.kubeconfig }, output));
    expect(text).toContain('  ✓ All namespaces exist\n');
    expect(text).toMatch(
      / {2}✗ All exist\n {6}error: Secret billing\/billing-tokens: It does not exist\.\n {6} {2}why: .+\n {6} {2}do: {2}Run helm upgrade/,
    );
    expect(text).toMatch(/\n1 error, 0 warnings\.\n$/);
  });
});

describe('the doctor without an answer', () => {
  const code = async (kubeconfig: string): Promise<readonly [number, string]> => {
    const error = await failure(run({ kubeconfig }));
    return [exitCodeOf(error), error instanceof Error ? error.message : ''];
  };

  it('ends with 3 where the API server cannot be reached', async () => {
    await fake.stop();
    const file = join(directory.path, 'kubeconfig');
    writeKubeconfig(file, { url: fake.url, token: secret('nobody') });
    const [exit, sentence] = await code(file);
    expect(exit).toBe(3);
    expect(sentence).toMatch(
      /Nothing could be checked at http\S+: .*ECONNREFUSED.* names the cluster you mean\. Try: kubectl version\./,
    );
  });

  it('ends with 3 where the API server does not know the user', async () => {
    const file = join(directory.path, 'kubeconfig');
    writeKubeconfig(file, { url: fake.url, token: secret('nobody') });
    expect(await code(file)).toEqual([3, expect.stringContaining('Log in again')]);
  });

  it('ends with 2 for wrong arguments', async () => {
    for (const given of [{ pre: true }, { namespace: 'No_Namespace' }]) {
      expect(exitCodeOf(await failure(run(given)))).toBe(2);
    }
  });
});
