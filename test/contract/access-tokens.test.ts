import { FakeAccessTokens } from '../fakes/fake-access-tokens.ts';
import { type AccessTokensUnderTest, describeAccessTokens } from './access-tokens.ts';

async function fake(): Promise<AccessTokensUnderTest> {
  const resources = new FakeAccessTokens();
  return {
    resources,
    namespace: 'billing',
    apply: async (name, spec) => void resources.apply(name, spec),
    delete: async (name) => resources.delete(name),
    askReissue: async (name, value) => resources.askReissue(name, value),
    makeSecret: async (name) => void resources.owners.set(`billing/${name}`, 'somebody else'),
    addFinalizer: async (name, finalizer) => resources.changeFinalizers(name, (all) => [...all, finalizer]),
    removeFinalizers: async (name) => resources.changeFinalizers(name, () => []),
    fill: async (secret, key, value) => void resources.contents.set(`billing/${secret}`, { [key]: value }),
    stop: async () => {},
  };
}

describeAccessTokens('The fake', fake);
