import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VersionApi, Watch } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpsReissuer } from '../../src/adapters/http/https-reissuer.ts';
import { createOutbound } from '../../src/adapters/http/outbound.ts';
import { apiFailure } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { type Authority, issueCertificate, type KeyPair, makeAuthority } from '../../src/adapters/tls/authority.ts';
import { messageOf } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/token.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { failure } from '../support/failure.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { registerKeys } from '../support/self-managed.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Certificates have whole seconds. */
const NOW = Math.floor(Date.now() / 1000) * 1000;
const at = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z');

let directory: ReturnType<typeof temporaryDirectory>;
let authority: Authority;
let expired: Authority;
let other: CertificateAuthority;
let server: LoopbackServer | undefined;
let asked: number;
beforeAll(async () => {
  other = createCertificateAuthority();
  authority = await makeAuthority(['localhost'], { notBefore: NOW - 30 * DAY, notAfter: NOW + 30 * DAY });
  expired = await makeAuthority(['localhost'], { notBefore: NOW - 30 * DAY, notAfter: NOW - DAY });
  for (const { privateKey } of [authority, expired]) registerKeys(privateKey.reveal());
});
afterAll(() => other.remove());
beforeEach(() => {
  directory = temporaryDirectory();
  asked = 0;
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  directory.remove();
});

async function serve(certificate: KeyPair): Promise<string> {
  server = await startHttpServer((_request, response) => {
    asked += 1;
    response.end();
  }, certificate);
  return `https://localhost:${server.port}`;
}

const issue = async (times: Partial<Record<'notBefore' | 'notAfter', number>>, by = authority): Promise<KeyPair> =>
  issueCertificate(by, ['localhost'], { notBefore: NOW - 2 * DAY, notAfter: NOW + DAY, ...times });

function put(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

interface Case {
  readonly what: string;
  readonly certificate: () => Promise<KeyPair> | KeyPair;
  /** Trusted; by default that of most certificates. */
  readonly ca?: () => string;
  readonly code: RegExp;
  /** What is wrong, and what to do. */
  readonly says: (ca: string) => RegExp;
}

const CASES: readonly Case[] = [
  {
    what: 'has expired',
    certificate: () => issue({ notAfter: NOW - HOUR }),
    code: /CERT_HAS_EXPIRED/,
    says: () =>
      new RegExp(
        `The certificate of localhost expired at ${at(NOW - HOUR)}\\. Renew it on the server\\. If that is wrong, correct the clock of this machine, which shows 20[-0-9]+T[:0-9]+Z\\.`,
      ),
  },
  {
    what: 'is not valid yet',
    certificate: () => issue({ notBefore: NOW + HOUR }),
    code: /CERT_NOT_YET_VALID/,
    says: () =>
      new RegExp(
        `The certificate of localhost is valid only from ${at(NOW + HOUR)}\\. .* correct the clock of this machine`,
      ),
  },
  {
    what: 'is of a CA that has expired',
    certificate: async () => {
      const { cert, key } = await issue({}, expired);
      return { cert: cert + expired.certificate, key };
    },
    ca: () => expired.certificate,
    code: /CERT_HAS_EXPIRED/,
    says: (ca) =>
      new RegExp(
        `The CA "token-acquirer CA \\w+" above the certificate of localhost expired at ${at(NOW - DAY)}\\. .*current CA into ${ca}`,
      ),
  },
  {
    what: 'is for another name',
    certificate: () => other.issue('DNS:a.example.com,DNS:b.example.com,IP:10.0.0.1,DNS:d.example.com'),
    ca: () => other.ca,
    code: /ERR_TLS_CERT_ALTNAME_INVALID/,
    says: () =>
      /The certificate of localhost is for another name: it is for a\.example\.com, b\.example\.com, 10\.0\.0\.1 and 1 more\. Use a name that it is for, or have localhost added to it\./,
  },
  {
    what: 'is of a CA that is not trusted',
    certificate: () => issue({}),
    ca: () => other.ca,
    code: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/,
    says: (ca) =>
      new RegExp(
        `The certificate of localhost was issued by "token-acquirer CA \\w+", (?:which is not trusted\\. Put the certificate of that CA into ${ca}|and not by a CA in ${ca}\\. Put the certificate of that CA there)\\.`,
      ),
  },
  {
    what: 'is self-signed',
    certificate: () => ({ cert: other.ca, key: other.key }),
    code: /DEPTH_ZERO_SELF_SIGNED_CERT/,
    says: (ca) =>
      new RegExp(
        `The certificate of localhost is self-signed, and (?:not among those that are trusted\\. Put it into ${ca}|it is not in ${ca}\\. Put it there), or have a CA issue another\\.`,
      ),
  },
  {
    what: 'is not for a server',
    certificate: async () => ({ cert: authority.certificate, key: authority.privateKey.reveal() }),
    code: /./,
    says: () => /The certificate of localhost /,
  },
];

const CLUSTER =
  'the CA of the cluster \\(ca\\.crt of the ServiceAccount volume, or certificate-authority of a kubeconfig\\)';

/** Who calls a server with a CA: the message of the failure. */
const CLIENTS: readonly [who: string, call: (url: string, ca: string) => Promise<string>, ca: string][] = [
  ['A token request', async (url, ca) => messageOf(await failure(createOutbound({ ca: () => ca })(url))), 'caFile'],
  [
    'A reissue call',
    async (url, ca) => {
      const where = { url, namespace: 'billing', secret: 'billing-tokens' };
      const files = { callerTokenFile: put('token', secret('caller')), caFile: put('ca.crt', ca) };
      return messageOf(
        await failure(createHttpsReissuer({ ...where, ...files }).reissue('dynamics', sha256('rejected'))),
      );
    },
    'caFile',
  ],
  [
    'A request to the API server',
    (url, ca) => withApi(url, ca, async (api) => failure(new VersionApi(api.configuration).getCode())),
    CLUSTER,
  ],
  [
    'A watch of the API server',
    (url, ca) =>
      withApi(
        url,
        ca,
        (api) =>
          new Promise((resolve, reject) => {
            const ignore = (): void => {};
            new Watch(api.kubeConfig).watch('/api/v1/pods', {}, ignore, resolve).catch(reject);
          }),
      ),
    CLUSTER,
  ],
];

async function withApi(url: string, ca: string, act: (api: ApiServer) => Promise<unknown>): Promise<string> {
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
  const users = [{ name: 'u', user: { token: secret('user') } }];
  const config = { clusters: [{ name: 'c', cluster }], users, contexts: [context], 'current-context': 'x' };
  const api = kubeconfigApiServer(put('kubeconfig', JSON.stringify(config)));
  try {
    return apiFailure('The pod cannot be read', await act(api)).message;
  } finally {
    await api.close();
  }
}

describe.each(CLIENTS)('%s', (_who, call, caName) => {
  it.each(CASES)('says so and what to do where the certificate $what', async ({ certificate, ca, code, says }) => {
    const url = await serve(await certificate());
    const message = await call(url, ca?.() ?? authority.certificate);
    expect(message).toMatch(code);
    expect(message).toMatch(says(caName));
    expect(asked).toBe(0);
  });
});
