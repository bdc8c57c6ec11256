import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { usableKubeconfig } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { throughForward } from '../../../src/adapters/kubernetes/terminal/pod-forward.ts';
import { getText } from '../../../src/adapters/node/terminal.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';
import { freePort } from '../../support/free-port.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../../support/loopback-server.ts';
import { until } from '../../support/until.ts';

const POD = { namespace: 'token-acquirer', pod: 'token-acquirer-1', port: 9090 };
const PORT = 'token-acquirer/token-acquirer-1:9090';

describe('a port forward', () => {
  let fake: FakeKubernetesApi;
  const servers: LoopbackServer[] = [];
  beforeEach(async () => {
    fake = await startKubernetesApi();
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    await fake.stop();
  });

  const config = () => usableKubeconfig([fake.kubeconfig], undefined).config;
  const ask = () => throughForward(config(), POD, (address) => getText(`http://${address}/status`));

  async function forwardTo(server: Promise<LoopbackServer>): Promise<LoopbackServer> {
    const started = await server;
    servers.push(started);
    fake.forwards.set(PORT, { port: started.port });
    return started;
  }

  it('carries a request to the pod and its answer back', async () => {
    await forwardTo(startHttpServer((request, response) => response.end(`answer to ${request.url}`)));
    expect(await ask()).toEqual({ status: 200, body: 'answer to /status' });
  });

  it('carries an answer of megabytes', async () => {
    const body = 'x'.repeat(5_000_000);
    await forwardTo(startHttpServer((_request, response) => response.end(body)));
    expect((await ask()).body).toHaveLength(body.length);
  });

  it('leaves nothing open behind', async () => {
    const server = await forwardTo(startHttpServer((_request, response) => response.end('done')));
    await ask();
    const isClosed = (): boolean => fake.forwards.open.size === 0 && server.connections.open.size === 0;
    await until('Everything is closed', isClosed, 5000);
  });

  it('ends when the pod ends the connection', async () => {
    await forwardTo(startTcpServer((socket) => socket.destroy()));
    expect(await failure(ask())).toBeInstanceOf(Error);
  });

  it('returns what is done with it, and fails as that fails', async () => {
    fake.forwards.set(PORT, { port: await freePort() });
    expect(await throughForward(config(), POD, async (address) => address)).toMatch(/^127\.0\.0\.1:\d+$/);
    const error = new Error('of the caller');
    expect(await failure(throughForward(config(), POD, () => Promise.reject(error)))).toBe(error);
  });

  it('says what the pod said where nothing listens', async () => {
    fake.forwards.set(PORT, { error: 'dial tcp4 127.0.0.1:9090:\nconnection refused' });
    const error = await failure(ask());
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      permanent: false,
      message:
        'The port 9090 of the pod token-acquirer/token-acquirer-1 cannot be reached (dial tcp4 127.0.0.1:9090: connection refused).',
    });
  });

  it.each<[status: number, permanent: boolean, part: string]>([
    [403, true, 'Ask for a Role in the namespace token-acquirer with the verbs get and create on pods/portforward.'],
    [404, false, 'it does not exist any more (404)'],
    [500, false, 'the API server answered 500. Try: kubectl -n token-acquirer port-forward'],
  ])('says what to do where the API server answers %d', async (status, permanent, part) => {
    fake.forwards.set(PORT, { status });
    const error = await failure(ask());
    expect(error).toMatchObject({ name: 'StoreError', permanent });
    expect(String(error)).toContain(part);
  });

  it('says that the API server is not reached', async () => {
    const unreached = config();
    await fake.stop();
    const error = await failure(throughForward(unreached, POD, (address) => getText(`http://${address}/status`)));
    expect(String(error)).toContain('No port forward to the pod token-acquirer/token-acquirer-1 can be opened');
  });
});
