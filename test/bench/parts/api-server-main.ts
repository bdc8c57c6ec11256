// An API server of the tests' own, with TLS: for benchmarks that count what is asked of it.
import { startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createCertificateAuthority } from '../../support/certificates.ts';
import { servePart } from './part.ts';

interface Instructions {
  /** Names of namespaces, each with an empty token Secret and a pod of the client app. */
  readonly namespaces: readonly string[];
  readonly secret: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** How many requests of each kind there were since the last question: `get secrets`. */
export interface ApiServerAsk {
  readonly what: 'requests';
}

export type ApiServerAnswer = Readonly<Record<string, number>>;

export interface ApiServerReady {
  readonly kubeconfig: string;
}

servePart<Instructions, ApiServerAsk>(async ({ namespaces, secret, labels }) => {
  const authority = createCertificateAuthority();
  const api = await startKubernetesApi({ certificate: authority.issue(), caFile: authority.caFile });
  for (const namespace of namespaces) {
    const home = `/api/v1/namespaces/${namespace}`;
    api.objects.put(`${home}/secrets/${secret}`, { type: 'Opaque' });
    api.objects.put(`${home}/pods/app-0`, { metadata: { labels }, status: { phase: 'Running' } });
  }
  const ready: ApiServerReady = { kubeconfig: api.kubeconfig };
  const count = (): ApiServerAnswer => {
    const counts: Record<string, number> = {};
    for (const { method, path } of api.requests.splice(0)) {
      const kind = `${method} ${path.split('/')[5] ?? path}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  };
  return { ready, answer: count };
});
