// oidc-provider, as in the demo.
import { type AuthorizationServerOptions, startAuthorizationServer } from '../../../src/demo/authorization-server.ts';
import { servePart } from './part.ts';

servePart<AuthorizationServerOptions, object>(async (options) => {
  const { issuer, counts } = await startAuthorizationServer(options);
  return { ready: { issuer }, answer: () => counts };
});
