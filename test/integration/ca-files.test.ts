import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VersionApi } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpsReissuer } from '../../src/adapters/http/https-reissuer.ts';
import { apiFailure } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { inClusterApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { messageOf } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/token.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest } from '../support/token-requests.ts';

let root: CertificateAuthority;
let intermediate: CertificateAuthority;
let directory: ReturnType<typeof temporaryDirectory>;
let server: LoopbackServer;
let asked: number;
beforeAll(() => {
  root = createCertificateAuthority();
  intermediate = root.intermediate();
  registerSecret(root.key);
});
afterAll(() => {
  root.remove();
  intermediate.remove();
});
beforeEach(async () => {
  directory = temporaryDirectory();
  asked = 0;
  // It sends its own certificate and no chain.
  server = await startHttpServer((_request, response) => {
    asked += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(ANSWER));
  }, intermediate.issue());
});
afterEach(async () => {
  await server.stop();
  directory.remove();
});

/** Good for all who ask. */
const ANSWER = {
  access_token: secret('access'),
  token_type: 'Bearer',
  expires_in: 3600,
  outcome: 'reissued',
  stored: true,
  generation: 7,
  issued_at: '2026-01-01T12:00:00Z',
  expires_at: '2026-01-01T13:00:00Z',
  gitVersion: 'v1.36.3',
};

function put(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

/** Who trusts a CA file: each calls the server, and rejects with an error whose message a user sees. */
const CLIENTS: readonly [who: string, call: (ca: string) => Promise<unknown>, named: RegExp][] = [
  [
    'token requests',
    (ca) => {
      const settings = {
        tokenEndpoint: server.url,
        caFile: put('ca.crt', ca),
        clientAuthentication: 'client_secret_basic',
      } as const;
      const endpoint = createOAuthTokenEndpoint({ corporate: settings }, { clock: createSystemClock() });
      const credential = { client_id: 'app', client_secret: secret('client') };
      return endpoint.request(buildTokenRequest(credential), AbortSignal.timeout(10_000));
    },
    /Its caFile \S+ca\.crt /,
  ],
  [
    'reissue calls',
    (ca) => {
      const callerTokenFile = put('token', secret('caller'));
      const where = { namespace: 'billing', secret: 'billing-tokens' };
      const reissuer = createHttpsReissuer({ url: server.url, ...where, callerTokenFile, caFile: put('ca.crt', ca) });
      return reissuer.reissue('dynamics', sha256('rejected'));
    },
    /The CA file \S+ca\.crt /,
  ],
  [
    'requests to the API server from a pod',
    async (ca) => {
      const folder = join(directory.path, 'serviceaccount');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'ca.crt'), ca);
      writeFileSync(join(folder, 'token'), secret('service-account'));
      const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) };
      return versionOf(inClusterApiServer({ folder, environment }));
    },
    /The file \S+serviceaccount\/ca\.crt /,
  ],
  [
    'requests to the API server by a kubeconfig',
    async (ca) => {
      const cluster = { server: server.url, 'certificate-authority': put('ca.crt', ca) };
      const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
      const users = [{ name: 'u', user: { token: secret('user') } }];
      const config = { clusters: [{ name: 'c', cluster }], users, contexts: [context], 'current-context': 'x' };
      return versionOf(kubeconfigApiServer(put('kubeconfig', JSON.stringify(config))));
    },
    /The CA of the cluster \(certificate-authority\) in the kubeconfig \S+kubeconfig /,
  ],
];

async function versionOf(api: ReturnType<typeof inClusterApiServer>): Promise<unknown> {
  try {
    return await new VersionApi(api.configuration).getCode();
  } catch (error) {
    throw apiFailure('The version cannot be read', error);
  } finally {
    await api.close();
  }
}

describe.each(CLIENTS)('A CA file of %s', (_who, call, named) => {
  it('may hold an intermediate CA only', async () => {
    await call(intermediate.ca);
    expect(asked).toBe(1);
  });

  it('may hold remarks and a chain', async () => {
    await call(`# of the company\n${intermediate.ca}\n# and its root\n${root.ca}`);
    expect(asked).toBe(1);
  });

  it.each<[what: string, text: () => string, message: RegExp]>([
    [
      'a certificate that is damaged behind a good one',
      () => `${intermediate.ca}-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n`,
      /is damaged: certificate 2, which begins in line \d+, cannot be read\./,
    ],
    [
      'half of its last certificate',
      () => `${intermediate.ca}${root.ca.slice(0, -60)}`,
      /breaks off: certificate 2, which begins in line \d+, has no end\./,
    ],
    ['a private key', () => `${intermediate.ca}${root.key}`, /holds a private key in line \d+\. Remove that block/],
    ['no certificate', () => 'not yet', /holds no certificate in PEM\./],
  ])('may not hold %s: nothing is sent', async (_what, text, message) => {
    const error = await call(text()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(messageOf(error)).toMatch(named);
    expect(messageOf(error)).toMatch(message);
    expect([asked, server.connections.opened]).toEqual([0, 0]);
  });
});
