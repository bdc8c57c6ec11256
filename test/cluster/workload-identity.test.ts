import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OpenidApi } from '@kubernetes/client-node';
import { type CryptoKey, decodeJwt, decodeProtectedHeader, importJWK, type JWK } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { CLIENT_ID, DATAVERSE, type Entra, startEntra, TENANT } from '../clouds/entra.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';
import { ServiceAccounts } from './caller-accounts.ts';
import type { TestNamespace } from './cluster.ts';
import { describeInCluster } from './in-cluster.ts';

const AUDIENCE = 'api://AzureADTokenExchange';
const signal = new AbortController().signal;
const request = buildTokenRequest({ client_id: CLIENT_ID }, { parameters: { scope: `${DATAVERSE}/.default` } });
const folder = temporaryDirectory();
const assertionFile = join(folder.path, 'token');

describeInCluster('a ServiceAccount token of the API server as a client assertion', (cluster) => {
  let api: ApiServer;
  let namespace: TestNamespace;
  let accounts: ServiceAccounts;
  let authority: CertificateAuthority;
  let entra: Entra;
  beforeAll(async () => {
    api = kubeconfigApiServer(cluster().kubeconfig);
    namespace = await cluster().namespace('workload-identity');
    accounts = new ServiceAccounts(api, namespace.name);
    await accounts.create('token-acquirer');
    await accounts.create('billing-app');
    authority = createCertificateAuthority();
    const sample = await accounts.token('token-acquirer', { audiences: [AUDIENCE] });
    entra = await startEntra(authority, {
      federated: {
        issuer: decodeJwt(sample).iss ?? '',
        subject: accounts.nameOf('token-acquirer'),
        audience: AUDIENCE,
        key: await keyOf(sample),
      },
    });
  });
  afterAll(async () => {
    await entra.stop();
    await namespace.remove();
    await api.close();
    authority.remove();
    folder.remove();
  });

  /** The published key that it is signed with: all that an authorization server knows of a cluster. */
  async function keyOf(token: string): Promise<CryptoKey> {
    const answer: unknown = await new OpenidApi(api.configuration).getServiceAccountIssuerOpenIDKeyset();
    const published: unknown = typeof answer === 'string' ? JSON.parse(answer) : answer;
    const { kid } = decodeProtectedHeader(token);
    const jwk = (published as { keys: JWK[] }).keys.find((key) => key.kid === kid);
    return (await importJWK(jwk ?? {}, 'RS256')) as CryptoKey;
  }

  const endpoint = () =>
    createOAuthTokenEndpoint(
      {
        corporate: {
          issuer: `${entra.origin}/${TENANT}/v2.0`,
          caFile: authority.caFile,
          clientAuthentication: 'workload_identity',
          assertionFile,
        },
      },
      { clock: createFakeClock(), resolve: async () => [{ address: '127.0.0.1', family: 4 }], noProxy: '*' },
    );

  it('gives a token to the token-acquirer', async () => {
    writeFileSync(assertionFile, await accounts.token('token-acquirer', { audiences: [AUDIENCE] }));
    expect(await endpoint().request(request, signal)).toMatchObject({ tokenType: 'Bearer', expiresIn: 3599 });
  });

  it.each([
    ['the client app', 'billing-app', AUDIENCE, 'AADSTS700213'],
    ['the token-acquirer with a token for something else', 'token-acquirer', 'token-acquirer', 'AADSTS700212'],
  ])('gives none to %s', async (_who, account, audience, number) => {
    writeFileSync(assertionFile, await accounts.token(account, { audiences: [audience] }));
    const error = await refusedRequest(endpoint(), request);
    expect(error).toMatchObject({ code: 'invalid_client', progress: 'answered' });
    expect(error.message).toContain(number);
  });
});
