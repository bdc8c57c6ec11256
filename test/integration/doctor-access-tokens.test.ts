import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { exitCodeOf } from '../../src/token-acquirer/cli/exit-codes.ts';
import type { FakeKubernetesApi, JsonObject } from '../fakes/kubernetes-api.ts';
import {
  type DoctorOptions,
  type DoctorResult,
  failedChecks,
  runDoctor,
  startIssuer,
  startReviewingApi,
} from '../support/doctor-runs.ts';
import { failure } from '../support/failure.ts';
import { configurationText, fieldsOf, installObjects, PLACES, putRelease } from '../support/installed-objects.ts';
import type { LoopbackServer } from '../support/loopback-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';

const GROUP = '/apis/token-acquirer.dev';
const HOUR = 3_600_000;
const SECRET = '/api/v1/namespaces/billing/secrets/incident-tokens';

let fake: FakeKubernetesApi;
let server: LoopbackServer;
let isAllowed: (spec: JsonObject) => boolean;

beforeEach(async () => {
  isAllowed = () => true;
  server = await startIssuer();
  fake = await startReviewingApi((spec) => isAllowed(spec));
  installObjects(fake, withServices(server.url));
  fake.documents.set(GROUP, { versions: [{ version: 'v1alpha1' }] });
  put('incidents', { secretName: 'incident-tokens', serviceAccounts: ['billing-app'] });
  const data = toVolumeData('incidents', buildToken({ issuedAt: Date.now() - HOUR, expiresAt: Date.now() + HOUR }));
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  const metadata = { managedFields: [fieldsOf('token-acquirer', Object.keys(data))] };
  fake.objects.put(SECRET, { metadata, data: Object.fromEntries(encoded) as JsonObject });
});
afterEach(async () => {
  await Promise.all([fake.stop(), server.stop()]);
});

/** The configuration of the installation, with a service for the namespace billing. */
function withServices(issuer: string): string {
  const configuration = parse(configurationText(issuer)) as object;
  const service = {
    authorizationServer: 'corporate',
    credential: 'dynamics',
    grant: 'client_credentials',
    namespaces: ['billing'],
  };
  return stringify({ ...configuration, services: { dynamics: service } });
}

/** Puts an AccessToken of an hour ago into the cluster. */
function put(name: string, spec: JsonObject, { namespace = 'billing', ready = READY, age = HOUR } = {}): void {
  const conditions = ready.type === 'none' ? [] : [{ ...ready, observedGeneration: 1 }];
  fake.objects.put(`${GROUP}/v1alpha1/namespaces/${namespace}/accesstokens/${name}`, {
    metadata: { uid: name, generation: 1, creationTimestamp: new Date(Date.now() - age).toISOString() },
    spec: { service: 'dynamics', ...spec },
    status: { observedGeneration: 1, conditions, secretName: name },
  });
}

const READY = { type: 'Ready', status: 'True', reason: 'TokenValid', message: 'It is valid.', lastTransitionTime: '' };
const NOTHING = { ...READY, type: 'none' };

const run = (given: Partial<DoctorOptions> = {}): Promise<DoctorResult> =>
  runDoctor({ kubeconfig: fake.kubeconfig, ...given });

/** What was found: the check, and its subject. */
const found = async (): Promise<(readonly [string, string])[]> =>
  (await run()).checks.flatMap(({ check, findings }) => findings.map(({ subject }) => [check, subject] as const));

describe('the doctor of an installation with AccessTokens', () => {
  it('finds nothing where all of them are ready', async () => {
    const result = await run();
    expect([result.code, failedChecks(result)]).toEqual([0, []]);
    expect(result.checks.every((check) => check.result === 'passed')).toBe(true);
  });

  it('looks at their Secrets as at all others', async () => {
    fake.objects.put(SECRET, { metadata: { managedFields: [fieldsOf('kubectl', [])] } });
    expect(await found()).toEqual([['secret-keys', 'Secret billing/incident-tokens']]);
    fake.objects.delete(SECRET);
    expect(await found()).toEqual([['secret', 'Secret billing/incident-tokens']]);
  });

  it('expects no Secret of one that was made a moment ago', async () => {
    put('fresh', {}, { ready: NOTHING, age: 1000 });
    expect(await found()).toEqual([]);
  });

  it.each<[string, string, () => void]>([
    ['an unknown service', 'access-token-rejected', () => put('x', { service: 'other' }, { ready: NOTHING })],
    ['a scope that is not allowed', 'access-token-rejected', () => put('x', { scope: 'all' })],
    ['an interval that is too short', 'access-token-rejected', () => put('x', { renewal: { interval: '1s' } })],
    ['a spec that nobody understands', 'access-token-rejected', () => put('x', { service: 7 })],
    ['the Secret of the configuration', 'access-token-secret', () => put('x', { secretName: 'billing-tokens' })],
    [
      'the Secret of somebody else',
      'access-token-secret',
      () => {
        const stalled = { ...READY, status: 'False', reason: 'SecretTaken', message: 'The Secret exists.' };
        put('x', {}, { ready: stalled });
        fake.objects.put('/api/v1/namespaces/billing/secrets/x', {});
      },
    ],
  ])('finds %s', async (_what, check, plant) => {
    plant();
    expect((await found()).filter(([, subject]) => subject === 'AccessToken billing/x')).toEqual([
      [check, 'AccessToken billing/x'],
    ]);
  });

  it('finds one in a namespace that nobody serves', async () => {
    put('x', {}, { namespace: 'shop', ready: NOTHING });
    expect(await found()).toEqual([['access-token-served', 'AccessToken shop/x']]);
  });

  it('does not need to list them in all namespaces', async () => {
    put('x', {}, { namespace: 'shop', ready: NOTHING });
    fake.intercept(({ path }) => (path === `${GROUP}/v1alpha1/accesstokens` ? { status: 403 } : undefined));
    expect(await found()).toEqual([]);
    put('x', { service: 'other' }, { ready: NOTHING });
    expect(await found()).toEqual([['access-token-rejected', 'AccessToken billing/x']]);
  });

  it('finds one without a status', async () => {
    put('incidents', { secretName: 'incident-tokens' }, { ready: NOTHING });
    expect(await found()).toEqual([['access-token-status', 'AccessToken billing/incidents']]);
  });

  /** The spec of an AccessToken of an hour ago was written at this age, after what was last reported. */
  function edited(name: string, age: number): void {
    const path = `${GROUP}/v1alpha1/namespaces/billing/accesstokens/${name}`;
    const { metadata, ...rest } = fake.objects.get(path) as { metadata: JsonObject };
    const write = (key: string, at: number, entry: JsonObject = {}): JsonObject => ({
      manager: key,
      time: new Date(Date.now() - at).toISOString(),
      fieldsV1: { [key]: {} },
      ...entry,
    });
    const managedFields = [
      write('f:spec', age),
      write('f:status', 0, { subresource: 'status' }),
      write('f:metadata', 0),
    ];
    fake.objects.put(path, { ...rest, metadata: { ...metadata, generation: 2, managedFields } });
  }

  it('waits for the report about a new spec', async () => {
    put('x', { service: 'dynamics' }, { ready: { ...READY, status: 'False', reason: 'ServiceUnknown' } });
    edited('x', 1000);
    expect(await found()).toEqual([]);
    edited('x', 120_000);
    expect(await found()).toContainEqual(['access-token-status', 'AccessToken billing/x']);
  });

  it('expects nothing of one that is being deleted', async () => {
    put('x', { service: 'other' }, { ready: NOTHING });
    expect(await found()).toEqual([['access-token-rejected', 'AccessToken billing/x']]);
    const path = `${GROUP}/v1alpha1/namespaces/billing/accesstokens/x`;
    const { metadata, ...rest } = fake.objects.get(path) as { metadata: JsonObject };
    const ends = { deletionTimestamp: new Date().toISOString(), finalizers: ['token-acquirer.dev/revoke'] };
    fake.objects.put(path, { ...rest, metadata: { ...metadata, ...ends } });
    expect(await found()).toEqual([]);
  });

  it('finds the Role that is missing, and not its consequences', async () => {
    put('incidents', { secretName: 'incident-tokens' }, { ready: NOTHING });
    isAllowed = ({ resourceAttributes }) => !JSON.stringify(resourceAttributes).includes('accesstokens');
    expect(await found()).toEqual([['acquirer-permissions', 'namespace billing']]);
  });

  it.each<[string, () => void]>([
    ['is missing', () => fake.documents.delete(GROUP)],
    ['is of another version', () => fake.documents.set(GROUP, { versions: [{ version: 'v2' }] })],
  ])('finds a definition that %s', async (_what, plant) => {
    fake.objects.delete(`${GROUP}/v1alpha1/namespaces/billing/accesstokens/incidents`);
    plant();
    expect((await found()).map(([check]) => check)).toEqual(['access-token-definition']);
  });

  it('finds the credential of a service that no AccessToken uses', async () => {
    fake.objects.delete(`${GROUP}/v1alpha1/namespaces/billing/accesstokens/incidents`);
    const configuration = parse(withServices(server.url)) as object;
    fake.objects.put(PLACES.config, { data: { 'config.yaml': stringify({ ...configuration, tokens: [] }) } });
    fake.objects.delete(PLACES.credential);
    expect((await found()).map(([check]) => check)).toEqual(['credential-secret']);
  });
});

describe('the doctor of a namespace with several releases', () => {
  it('asks which one is meant, and names them', async () => {
    putRelease(fake, 'other');
    const error = await failure(run());
    expect(exitCodeOf(error)).toBe(2);
    expect(String(error)).toContain(
      'several releases of token-acquirer: other, token-acquirer. Name one with --release',
    );
  });

  it('looks at the one that is named', async () => {
    putRelease(fake, 'other');
    expect(failedChecks(await run({ release: 'token-acquirer' }))).toEqual([]);
    // It has no Lease, and the Service selects the pods of the first.
    expect(failedChecks(await run({ release: 'other' }))).toEqual(expect.arrayContaining(['lease', 'endpoint']));
  });

  it('is stopped by none of them before the installation of another one', async () => {
    putRelease(fake, 'other');
    const folder = temporaryDirectory();
    try {
      const config = join(folder.path, 'config.yaml');
      writeFileSync(config, withServices(server.url));
      for (const release of [undefined, 'new', 'other']) {
        const result = await run({ pre: true, config, ...(release !== undefined && { release }) });
        expect(failedChecks(result)).toEqual([]);
      }
    } finally {
      folder.remove();
    }
  });

  it('takes shards for one release', async () => {
    putRelease(fake, 'token-acquirer-shard-1');
    const path = PLACES.deployment.replace(/[^/]+$/, 'token-acquirer-shard-1');
    const { metadata: _, ...shard } = fake.objects.get(path) as JsonObject;
    fake.objects.put(path, shard);
    expect(failedChecks(await run())).toEqual(expect.arrayContaining(['lease']));
  });

  it('rejects a release that does not exist', async () => {
    const error = await failure(run({ release: 'nothing' }));
    expect(exitCodeOf(error)).toBe(2);
    expect(String(error)).toContain('no such release of token-acquirer. Releases: token-acquirer.');
  });
});
