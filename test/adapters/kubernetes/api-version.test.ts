import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { isOlder, oldVersionWarning, readVersion } from '../../../src/adapters/kubernetes/api/api-version.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';

let fake: FakeKubernetesApi;
let api: ApiServer;
const open = new AbortController().signal;

beforeEach(async () => {
  fake = await startKubernetesApi();
  api = fake.connect();
});
afterEach(() => fake.stop());

function serve(major: unknown, minor: unknown, gitVersion: unknown = `v${String(major)}.${String(minor)}`): void {
  fake.documents.set('/version', { major, minor, gitVersion } as never);
}

describe('the version of Kubernetes', () => {
  it.each([
    ['an upstream release', ['1', '36', 'v1.36.3'], { major: 1, minor: 36, name: 'v1.36.3' }],
    ['a distribution', ['1', '29+', 'v1.29.14-gke.1'], { major: 1, minor: 29, name: 'v1.29.14-gke.1' }],
    ['k3s', ['1', '31', 'v1.31.4+k3s1'], { major: 1, minor: 31, name: 'v1.31.4+k3s1' }],
    ['a long name', ['1', '31', `v${'1'.repeat(90)}`], { major: 1, minor: 31, name: `v${'1'.repeat(39)}` }],
  ])('is read from %s', async (_sentence, given, expected) => {
    serve(...(given as [string, string, string]));
    expect(await readVersion(api)).toEqual(expected);
  });

  it.each([
    ['an invalid number', () => serve('one', '36')],
    ['a name with markup', () => serve('1', '36', '<script>')],
    ['numbers instead of text', () => serve(1, 36)],
    ['an answer 403', () => void fake.intercept(({ path }) => (path === '/version' ? { status: 403 } : undefined))],
    [
      'an answer that is not JSON',
      () => void fake.intercept(({ path }) => (path === '/version' ? { body: '<html>' } : undefined)),
    ],
  ])('cannot be read from %s, and the start logs nothing about it', async (_sentence, arrange) => {
    arrange();
    expect(await failure(readVersion(api))).toBeInstanceOf(Error);
    expect(await oldVersionWarning(api, open)).toBeUndefined();
  });

  it.each([
    [{ major: 1, minor: 28 }, true],
    [{ major: 0, minor: 99 }, true],
    [{ major: 1, minor: 29 }, false],
    [{ major: 1, minor: 30 }, false],
    [{ major: 2, minor: 0 }, false],
  ])('%o is older than 1.29: %s', (version, older) => {
    expect(isOlder(version, { major: 1, minor: 29 })).toBe(older);
  });

  it('is logged at the start only if it is too old', async () => {
    expect(await oldVersionWarning(api, open)).toBeUndefined();
    serve('1', '28', 'v1.28.9');
    const warning = await oldVersionWarning(api, open);
    expect(warning).toContain('This is Kubernetes v1.28.9; the token-acquirer is made for 1.29 or later');
    expect(warning).toContain('Upgrade the cluster.');
  });

  it('is not awaited after everything is closed', async () => {
    fake.intercept(() => ({ delay: Number.POSITIVE_INFINITY }));
    const closing = new AbortController();
    const warning = oldVersionWarning(api, closing.signal);
    closing.abort();
    expect(await warning).toBeUndefined();
  });
});
