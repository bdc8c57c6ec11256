import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { FakeKubernetesApi, JsonObject } from '../fakes/kubernetes-api.ts';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';

/** A pod of a token-acquirer on the fake API server, whose status can be read through a port forward. */
export interface FakeRelease {
  report: StatusReport;
  stop(): Promise<void>;
}

export interface FakeReleasePlace {
  readonly namespace?: string;
  readonly pod?: string;
}

/** Adds a pod with this status. */
export async function addFakeRelease(
  fake: FakeKubernetesApi,
  report: StatusReport,
  { namespace = 'token-acquirer', pod = 'token-acquirer-1' }: FakeReleasePlace = {},
): Promise<FakeRelease> {
  const release = { report, stop: () => server.stop() };
  const server: LoopbackServer = await startHttpServer((_request, response) =>
    response.end(JSON.stringify(release.report)),
  );
  fake.objects.put(`/api/v1/namespaces/${namespace}/pods/${pod}`, POD);
  fake.forwards.set(`${namespace}/${pod}:9090`, { port: server.port });
  return release;
}

const POD: JsonObject = {
  metadata: { labels: { 'app.kubernetes.io/name': 'token-acquirer', 'app.kubernetes.io/instance': 'token-acquirer' } },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
};
