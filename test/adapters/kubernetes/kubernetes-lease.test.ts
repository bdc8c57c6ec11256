import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubernetesLease } from '../../../src/adapters/kubernetes/leases/kubernetes-lease.ts';
import { createSystemClock } from '../../../src/adapters/node/system-clock.ts';
import { messageOf } from '../../../src/core/errors.ts';
import type { LeaseClaim } from '../../../src/core/lease.ts';
import type { Lease } from '../../../src/ports/lease.ts';
import { fakeRandom } from '../../fakes/fake-random.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/shop/leases/tokens';
const CLAIM: LeaseClaim = {
  holder: 'tokens-7d9f8-aaaaa_00000001',
  address: '10.0.0.1:8443',
  duration: 60_000,
  acquiredAt: 0,
  renewedAt: 1500,
  transitions: 1,
  assignment: undefined,
};

let fake: FakeKubernetesApi;
let lease: Lease;
let faults: string[];

beforeEach(async () => {
  fake = await startKubernetesApi();
  faults = [];
  const onFault = (message: string): void => void faults.push(message);
  const options = { clock: createSystemClock(), random: fakeRandom(0), onFault };
  lease = createKubernetesLease(fake.connect(), { namespace: 'shop', name: 'tokens' }, options);
});
afterEach(() => fake.stop());

describe('a Lease of Kubernetes', () => {
  it('is written in the form of client-go, next to what others have in it', async () => {
    const metadata = { labels: { team: 'shop' }, annotations: { note: 'kept' } };
    fake.objects.put(PATH, { metadata, spec: { preferredHolder: 'kept' } });
    await lease.write(CLAIM, (await lease.read()).version);
    const { metadata: after, spec } = fake.objects.get(PATH) ?? {};
    expect(after).toMatchObject({
      labels: { team: 'shop' },
      annotations: { note: 'kept', 'token-acquirer.dev/address': '10.0.0.1:8443' },
    });
    expect(spec).toEqual({
      preferredHolder: 'kept',
      holderIdentity: 'tokens-7d9f8-aaaaa_00000001',
      leaseDurationSeconds: 60,
      acquireTime: '1970-01-01T00:00:00.000000Z',
      renewTime: '1970-01-01T00:00:01.500000Z',
      leaseTransitions: 1,
    });
  });

  it.each(['http://10.0.0.1:8443', '10.0.0.1', 'a b:1', '10.0.0.1:8443\r\nx', '[::1', ':8443', 'x'.repeat(300)])(
    'has no address where somebody wrote %j',
    async (address) => {
      fake.objects.put(PATH, {
        metadata: { annotations: { 'token-acquirer.dev/address': address } },
        spec: { holderIdentity: 'x' },
      });
      expect(await lease.read()).toMatchObject({ holder: 'x', address: undefined });
    },
  );

  it.each<[what: string, spec: object]>([
    ['no time', {}],
    ['garbage for times', { renewTime: 'yesterday', acquireTime: 'x' }],
    ['garbage for numbers', { leaseDurationSeconds: -5, leaseTransitions: -1 }],
  ])('can be read with %s', async (_, spec) => {
    fake.objects.put(PATH, { spec: { holderIdentity: 'me', ...spec } });
    const record = await lease.read();
    expect(record.holder).toBe('me');
    expect([record.renewedAt, record.acquiredAt]).toEqual([undefined, undefined]);
    expect(await lease.write(CLAIM, record.version)).toMatchObject({ holder: CLAIM.holder, transitions: 1 });
  });

  it('names the Lease and the remedy where it does not exist', async () => {
    expect(messageOf(await failure(lease.read()))).toMatch(
      /^There is no Lease tokens in the namespace shop, .*kubectl create --namespace shop/,
    );
  });

  it('names the Lease and the remedy where it is forbidden', async () => {
    fake.objects.put(PATH, {});
    const { version } = await lease.read();
    fake.intercept(() => ({ status: 403 }));
    const errors = [await failure(lease.read()), await failure(lease.write(CLAIM, version))];
    expect(errors.map(messageOf)).toEqual([
      expect.stringMatching(/^The Lease shop\/tokens cannot be read: .*403/),
      expect.stringMatching(/^The Lease shop\/tokens cannot be written: .*403/),
    ]);
    for (const error of errors) expect(error).toMatchObject({ permanent: true });
  });

  it('names the permission that a watch lacks, and what works without', async () => {
    fake.objects.put(PATH, {});
    fake.intercept(({ query }) => (query.has('watch') ? { status: 403 } : undefined));
    const leave = lease.watch(() => undefined);
    await expect.poll(() => faults, { timeout: 8000 }).toHaveLength(1);
    leave();
    expect(faults[0]).toMatch(
      /^The Lease shop\/tokens cannot be watched: .*verb watch, resource leases.*up to 20 s later/,
    );
  });

  it('needs no permission but get, update and watch by its name', async () => {
    fake.objects.put(PATH, {});
    const leave = lease.watch(() => undefined);
    await lease.write(CLAIM, (await lease.read()).version);
    await expect.poll(() => fake.watches.open, { timeout: 8000 }).toBe(1);
    leave();
    const asked = fake.requests.map(({ method, path, query }) => `${method} ${path} ${query.get('fieldSelector')}`);
    expect(asked.toSorted()).toEqual([
      `GET ${PATH.replace('/tokens', '')} metadata.name=tokens`,
      `GET ${PATH} null`,
      `PUT ${PATH} null`,
    ]);
  });
});
