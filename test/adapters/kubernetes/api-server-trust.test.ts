import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoreV1Api, Watch } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type ApiServer,
  inClusterApiServer,
  kubeconfigApiServer,
} from '../../../src/adapters/kubernetes/api/api-server.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../support/certificates.ts';
import { failure } from '../../support/failure.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let authority: CertificateAuthority;
let other: CertificateAuthority;
beforeAll(() => {
  directory = temporaryDirectory();
  authority = createCertificateAuthority();
  other = createCertificateAuthority();
});
afterAll(() => {
  directory.remove();
  authority.remove();
  other.remove();
});

async function readPod(api: ApiServer): Promise<string | undefined> {
  const pod = await new CoreV1Api(api.configuration).readNamespacedPod({ namespace: 'billing', name: 'app' });
  return pod.metadata?.name;
}

/** Resolves with the error that ends a watch. */
function watchPods(api: ApiServer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ignore = (): void => {};
    new Watch(api.kubeConfig).watch('/api/v1/namespaces/billing/pods', {}, ignore, resolve).catch(reject);
  });
}

describe('a server in place of the API server', () => {
  let impostor: FakeKubernetesApi;
  let api: ApiServer;
  beforeEach(() => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  });
  afterEach(async () => {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    await api.close();
    await impostor.stop();
  });

  function inPod({ url, token }: FakeKubernetesApi): ApiServer {
    const folder = join(directory.path, 'serviceaccount');
    const { hostname, port } = new URL(url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'ca.crt'), authority.ca);
    writeFileSync(join(folder, 'token'), token);
    const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    return inClusterApiServer({ folder, environment });
  }

  const places: readonly [place: string, connect: (api: FakeKubernetesApi) => ApiServer][] = [
    ['a pod', inPod],
    ['a kubeconfig', ({ kubeconfig }) => kubeconfigApiServer(kubeconfig)],
  ];
  const certificates: readonly [what: string, issue: () => ServerCertificate][] = [
    ['of another CA', () => other.issue()],
    ['for another name', () => authority.issue('DNS:elsewhere.example.com')],
  ];
  const cases = places.flatMap(([place, connect]) =>
    certificates.map(([what, issue]) => ({ place, connect, what, issue })),
  );

  it.each(cases)(
    'gets no token from $place with a certificate $what, though the environment turns checks off',
    async ({ connect, issue }) => {
      impostor = await startKubernetesApi({ certificate: issue(), caFile: authority.caFile });
      api = connect(impostor);
      expect(await failure(readPod(api))).toMatchObject({ name: 'ApiUnreachableError' });
      expect(await watchPods(api)).toBeInstanceOf(Error);
      expect(impostor.connections.opened).toBeGreaterThan(0);
      expect(impostor.requests).toEqual([]);
    },
  );
});
