import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messageOf } from '../../../src/core/errors.ts';
import { type ClusterApi, clusterApi } from '../../../src/demo/cluster/cluster-api.ts';
import { closeServer, listenOnLoopback } from '../../../src/demo/listener.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const TOKEN = secret('service-account-token');
const PATH = '/api/v1/namespaces/example-services/secrets/gateway';

const { path: root, remove } = temporaryDirectory();
let authority: CertificateAuthority;
let server: Server;
let api: ClusterApi;
let answer: { status: number; body: string };
let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];

function mount(name: string, ca: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'ca.crt'), ca);
  writeFileSync(join(folder, 'token'), TOKEN);
  return folder;
}

beforeAll(async () => {
  authority = createCertificateAuthority();
  server = createServer(authority.issue(), (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: String(Buffer.concat(chunks)) });
      response.writeHead(answer.status).end(answer.body);
    });
  });
  const { port } = new URL(await listenOnLoopback(server));
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: port };
  api = clusterApi(environment, mount('account', authority.ca));
});

afterAll(async () => {
  await closeServer(server);
  authority.remove();
  remove();
});

beforeEach(() => {
  seen = [];
  answer = { status: 200, body: '{"kind":"Secret"}' };
});

describe('the API server, as the preparation asks it', () => {
  it('is read as the ServiceAccount', async () => {
    expect(await api.get(PATH)).toEqual({ kind: 'Secret' });
    expect(seen).toMatchObject([{ method: 'GET', url: PATH, body: '' }]);
    expect(seen[0]?.headers.authorization === `Bearer ${TOKEN}`).toBe(true);
  });

  it('is sent a merge patch', async () => {
    await api.patch(PATH, { stringData: { name: 'Übung' } });
    expect(seen).toMatchObject([
      { method: 'PATCH', url: PATH, headers: { 'content-type': 'application/merge-patch+json' } },
    ]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ stringData: { name: 'Übung' } });
  });

  it.each([401, 403, 404, 409, 500])(
    'that answers %i fails with what was asked, not with what was sent',
    async (status) => {
      const value = secret('drawn');
      answer = { status, body: JSON.stringify({ message: value }) };
      const error = await failure(api.patch(PATH, { stringData: { value } }));
      expect(messageOf(error)).toBe(`PATCH ${PATH} was answered with ${status}.`);
    },
  );

  it('is not trusted with a certificate of anybody else', async () => {
    const other = createCertificateAuthority();
    const { port } = server.address() as { port: number };
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
    const distrustful = clusterApi(environment, mount('distrustful', other.ca));
    other.remove();
    await expect(distrustful.get(PATH)).rejects.toThrow(/certificate|signature/);
    expect(seen).toEqual([]);
  });

  it('is named by the environment of a pod', () => {
    expect(() => clusterApi({}, root)).toThrow('KUBERNETES_SERVICE_HOST is not set.');
  });
});
