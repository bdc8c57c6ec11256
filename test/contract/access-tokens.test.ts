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
    stop: async () => {},
  };
}

describeAccessTokens('The fake', fake);
