import { CoreV1Api, type V1Secret } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { createSecretAuthorityStore } from '../../src/adapters/kubernetes/secrets/secret-authority-store.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import { type AuthorityStoreUnderTest, describeAuthorityStore } from '../contract/authority-store.ts';
import { failure } from '../support/failure.ts';
import { keep, leafOf, registerKeys, signerIn } from '../support/self-managed.ts';
import { describeInCluster } from './in-cluster.ts';
import { limitedPlace } from './limited-account.ts';

describeInCluster('the CA of the reissue endpoint', (cluster) => {
  const place = limitedPlace(cluster, {
    label: 'ca',
    apiGroup: '',
    resource: 'secrets',
    verbs: ['get', 'patch'],
    read: (configuration, secret) => new CoreV1Api(configuration).readNamespacedSecret(secret),
  });

  async function underTest(): Promise<AuthorityStoreUnderTest> {
    const { namespace, administrator, acquirer, name: secret } = await place();
    const reference = { namespace: namespace.name, secret };
    const [core, target] = [new CoreV1Api(administrator.configuration), { namespace: namespace.name, name: secret }];
    const create = (data?: V1Secret['data']): Promise<V1Secret> =>
      core.createNamespacedSecret({
        namespace: namespace.name,
        body: { metadata: { name: secret }, type: 'Opaque', ...(data !== undefined && { data }) },
      });
    await create();
    let taken: V1Secret['data'];
    return {
      store: createSecretAuthorityStore(acquirer, reference),
      another: () => createSecretAuthorityStore(acquirer, reference),
      async empty() {
        const body = [{ op: 'remove', path: '/data/authorities.json' }];
        await core.patchNamespacedSecret({ ...target, body });
      },
      async breakDown() {
        taken = (await core.readNamespacedSecret(target)).data;
        await core.deleteNamespacedSecret(target);
      },
      repair: async () => void (await create(taken)),
      stop: async () => void (await core.deleteNamespacedSecret(target)),
    };
  }

  describeAuthorityStore('A Secret', underTest);

  it('is kept with the permissions get and patch on its one Secret, from an empty Secret on', async () => {
    const { namespace, acquirer } = await place();
    const { store, stop } = await underTest();
    const [one, other] = [keep(store, createSystemClock()), keep(store, createSystemClock())];
    await Promise.all([one.ready, other.ready]);
    for (const keeper of [one, other]) {
      keeper.stop();
      expect(signerIn(keeper.current().caBundle, leafOf(keeper.current()))).toBe(0);
    }
    expect(one.current().caBundle).toBe(other.current().caBundle);
    registerKeys((await store.load()).text ?? '');
    await stop();
    const foreign = createSecretAuthorityStore(acquirer, { namespace: namespace.name, secret: 'another' });
    expect(messageOf(await failure(foreign.load()))).toMatch(/:token-acquirer may not get secrets .*\(403\)\. Allow/);
  });
});
