import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callOnce } from '../../src/adapters/http/bounded-call.ts';
import { checkApiServer, checkFiles } from '../../src/client-app/check/boundaries.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const SECRETS = ['acquirer/dynamics-credentials', 'acquirer/acquirer-state'];
const caller = new Redacted(secret('caller-token'));
let folder: ReturnType<typeof temporaryDirectory>;
let root: string;
const servers: LoopbackServer[] = [];
beforeEach(() => {
  folder = temporaryDirectory();
  root = folder.path;
  // The client's pod has these files.
  put('etc/passwd', 'var/run/tokens/password', 'var/run/tokens/password.json', 'var/run/secrets/token-acquirer/token');
  put('proc/1/environ', 'app/client-app.mjs');
});
afterEach(async () => {
  folder.remove();
  for (const server of servers.splice(0)) await server.stop();
});

function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
}

/** The time limit of the chart. */
const FORBIDDEN = ['/etc/token-acquirer', '/var/run/secrets/kubernetes.io/serviceaccount/token'];
const NAMES = ['client_secret', 'password', 'private_key', 'refresh_token'];

const files = (forbidden = [...FORBIDDEN, ...NAMES]) =>
  checkFiles({ root, forbidden, except: [join(root, 'var/run/tokens')] });

describe('the check for forbidden files', () => {
  it('finds none in a client’s pod, whatever its tokens are called', () => {
    expect(files()).toEqual({
      result: 'passed',
      subject: 'forbidden files',
      sentence: 'none of the 6 is here, as expected.',
    });
  });

  it.each([
    ['the folder of the token-acquirer', 'etc/token-acquirer/config/config.yaml', 'etc/token-acquirer'],
    ['a client secret', 'mnt/secrets/dynamics/client_secret', 'mnt/secrets/dynamics/client_secret'],
    ['a password', 'etc/password', 'etc/password'],
    ['a private key', 'home/app/keys/private_key', 'home/app/keys/private_key'],
    ['a refresh token', 'var/run/other/refresh_token', 'var/run/other/refresh_token'],
  ])('finds %s', (_, path, found) => {
    put(path);
    expect(files()).toEqual({
      result: 'failed',
      subject: 'forbidden files',
      sentence: `${join(root, found)} is here: remove its volume from the client's pod; only the token-acquirer's pod may mount credentials.`,
    });
  });

  it('finds a file behind the link of a volume', () => {
    const volume = join(root, 'etc/other');
    put('etc/other/..2026/client_secret');
    symlinkSync('..2026', join(volume, '..data'));
    symlinkSync('..data/client_secret', join(volume, 'client_secret'));
    expect(files().result).toBe('failed');
  });

  it.each([
    ['a user name only', 'etc/app/username'],
    ['the open files of processes', 'proc/1/root/client_secret'],
    ['devices', 'dev/password'],
  ])('skips %s', (_, path) => {
    put(path);
    expect(files().result).toBe('passed');
  });

  it('finds a token for the API server that was mounted automatically', () => {
    put('var/run/secrets/kubernetes.io/serviceaccount/token');
    expect(files().sentence).toMatch(/\/token is here: set automountServiceAccountToken: false in the client's pod\.$/);
  });

  it('is skipped if no file is named', () => {
    expect(files([])).toMatchObject({ result: 'not-tried', sentence: 'not tried: none is named.' });
  });

  it('does not follow a link in circles', () => {
    symlinkSync(root, join(root, 'app/self'));
    expect(files().result).toBe('passed');
  });
});

describe('the check of the token-acquirer’s Secrets', () => {
  /** Answers the Secrets one after the other. */
  async function apiServer(...statuses: number[]): Promise<{ url: URL; seen: unknown[] }> {
    const seen: unknown[] = [];
    const server = await startHttpServer((request, response) => {
      const byCaller = request.headers.authorization === `Bearer ${caller.reveal()}`;
      seen.push([request.method, request.url, byCaller]);
      response.writeHead(statuses[seen.length - 1] ?? 401).end(secret('secret-data'));
    });
    servers.push(server);
    return { url: new URL(server.url), seen };
  }

  const check = (url: URL | undefined, more: object = {}) =>
    checkApiServer({ url, ca: undefined, secrets: SECRETS, caller, makeCall: callOnce, ...more });

  it('requests each Secret with the only token of the pod', async () => {
    const { url, seen } = await apiServer(401, 403);
    expect(await check(url)).toEqual({
      result: 'passed',
      subject: "the token-acquirer's Secrets",
      sentence: 'the API server shows none of the 2 to this pod.',
    });
    expect(seen).toEqual([
      ['GET', '/api/v1/namespaces/acquirer/secrets/dynamics-credentials', true],
      ['GET', '/api/v1/namespaces/acquirer/secrets/acquirer-state', true],
    ]);
  });

  it.each([
    ['returns a Secret', 200],
    ['answers that no such Secret exists', 404],
  ])('fails where the API server %s', async (_, status) => {
    const { url } = await apiServer(403, status);
    const finding = await check(url);
    expect(finding.result).toBe('failed');
    expect(finding.sentence).toBe(
      `The API server lets this pod read the Secret acquirer/acquirer-state (${status}): find the Role or ClusterRole that allows it, with kubectl auth can-i get secrets, and remove it.`,
    );
  });

  it('proves nothing if the API server fails', async () => {
    const { url } = await apiServer(500);
    const { result, sentence } = await check(url);
    expect([result, sentence]).toEqual([
      'failed',
      'The API server answered 500 for the Secret acquirer/dynamics-credentials, which proves nothing: run the test again.',
    ]);
  });

  it('proves nothing if another server answers in its place', async () => {
    const authority = createCertificateAuthority();
    try {
      const server = await startHttpServer((_, response) => response.writeHead(401).end(), authority.issue());
      servers.push(server);
      expect((await check(new URL(server.url))).sentence).toContain("The API server's certificate is not trusted");
      expect((await check(new URL(server.url), { ca: authority.ca })).result).toBe('passed');
    } finally {
      authority.remove();
    }
  });

  it('passes if a policy keeps the pod from the API server', async () => {
    const url = new URL(`http://127.0.0.1:${await freePort()}`);
    expect((await check(url)).result).toBe('passed');
  });

  it.each<[string, URL | undefined, object, string]>([
    ['without an API server', undefined, {}, 'not tried: no API server is named (API_SERVER).'],
    ['without names of Secrets', new URL('http://127.0.0.1:9'), { secrets: [] }, 'not tried: none is named.'],
  ])('is skipped %s', async (_, url, more, sentence) => {
    expect(await check(url, more)).toMatchObject({ result: 'not-tried', sentence });
  });
});
