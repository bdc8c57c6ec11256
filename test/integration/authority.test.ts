import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Authority,
  issueCertificate,
  type KeyPair,
  makeAuthority,
  readAuthority,
} from '../../src/adapters/tls/authority.ts';
import { authorityTimes, certificateTimes } from '../../src/core/certificate-plan.ts';
import { systemCode } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { FakeAuthorityStore } from '../fakes/fake-authority-store.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { certificatesIn, DNS_NAMES, keep, pass, registerKeys } from '../support/self-managed.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const { path: folder, remove } = temporaryDirectory();
const servers: Server[] = [];
let authority: Authority;

beforeAll(async () => {
  authority = await makeAuthority(DNS_NAMES, authorityTimes(Date.now()));
  registerKeys(authority.privateKey.reveal());
});

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

afterAll(remove);

async function serve({ cert, key }: KeyPair): Promise<Server> {
  registerKeys(key);
  const server = createServer({ cert, key }, (_request, response) => response.end('served'));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A TLS client that knows these CAs and calls the server by that name: `connected`, or why not. */
function call(server: Server, ca: string, servername: string): Promise<string> {
  return new Promise((resolve) => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, ca, servername }, () => {
      resolve(socket.authorized ? 'connected' : 'not authorized');
      socket.destroy();
    });
    socket.on('error', (error: Error) => resolve(`${systemCode(error)}: ${error.message}`));
  });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** What `openssl verify` says of a certificate under these CAs, at that time. */
function openssl(ca: string, cert: string, { at = Date.now(), name = DNS_NAMES[0] ?? '' } = {}): string {
  const time = ['-attime', String(Math.floor(at / 1000))];
  const strict = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', name];
  const args = ['verify', ...strict, ...time, '-CAfile', file('ca.pem', ca), file('leaf.pem', cert)];
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  return status === 0 ? 'OK' : (/error \d+ at \d depth lookup: (.*)/.exec(stdout + stderr)?.[1] ?? stderr);
}

const KEY_IDS = 'authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n';

interface Forgery {
  readonly extensions: string;
  readonly subject?: string;
  /** By default the CA. */
  readonly signer?: KeyPair | 'itself';
}

/** A certificate that openssl makes, for what the code has no way to make. */
function forge({ extensions, subject = '/', signer }: Forgery): KeyPair {
  const [key, request, cert] = ['forged.key', 'forged.csr', 'forged.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const by = signer ?? { cert: authority.certificate, key: authority.privateKey.reveal() };
  const ca =
    by === 'itself' ? ['-signkey', key] : ['-CA', file('signer.pem', by.cert), '-CAkey', file('signer.key', by.key)];
  const stdio = 'ignore';
  execFileSync('openssl', ['req', '-new', ...ec, '-keyout', key, '-out', request, '-subj', subject], { stdio });
  const extended = [...ca, '-days', '1', '-extfile', file('forged.ext', extensions)];
  execFileSync('openssl', ['x509', '-req', '-in', request, '-out', cert, ...extended], { stdio });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

function issue(names: readonly string[] = DNS_NAMES): Promise<KeyPair> {
  return issueCertificate(authority, names, certificateTimes(authority, Date.now()));
}

describe('a certificate of the CA', () => {
  it.each(DNS_NAMES)('is accepted by TLS clients that call %s', async (name) => {
    const pair = await issue();
    expect(await call(await serve(pair), authority.certificate, name)).toBe('connected');
    expect(openssl(authority.certificate, pair.cert, { name })).toBe('OK');
  });

  it.each<[what: string, servername: string, code: string]>([
    ['another host', 'evil.example.com', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a host below its name', 'www.acquirer.tokens.svc', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('is rejected by TLS clients that call %s', async (_what, servername, code) => {
    expect(await call(await serve(await issue()), authority.certificate, servername)).toContain(code);
  });

  it('is rejected by TLS clients that know another CA', async () => {
    const other = await makeAuthority(DNS_NAMES, authorityTimes(Date.now()));
    registerKeys(other.privateKey.reveal());
    expect(await call(await serve(await issue()), other.certificate, 'acquirer')).not.toBe('connected');
  });

  it.each<[when: string, after: number, verdict: string]>([
    ['immediately by a clock that is most of an hour behind', -0.9 * HOUR, 'OK'],
    ['not by a clock that is more than an hour behind', -1.1 * HOUR, 'certificate is not yet valid'],
    ['when it is renewed, by a clock that is an hour ahead', 17 * HOUR, 'OK'],
    ['not after a day', DAY + HOUR, 'certificate has expired'],
  ])('is valid %s', async (_when, after, verdict) => {
    const { cert } = await issue();
    expect(openssl(authority.certificate, cert, { at: Date.now() + after })).toContain(verdict);
  });
});

describe('with the key of the CA nobody can make', () => {
  it('a certificate for another name', async () => {
    const pair = await issue(['evil.example.com']);
    expect(await call(await serve(pair), authority.certificate, 'evil.example.com')).toContain(
      'permitted subtree violation',
    );
    expect(openssl(authority.certificate, pair.cert, { name: 'evil.example.com' })).toBe('permitted subtree violation');
  });

  it('a certificate that has another name next to its own', async () => {
    const pair = await issue([...DNS_NAMES, 'kubernetes.default.svc']);
    expect(await call(await serve(pair), authority.certificate, 'acquirer')).toContain('permitted subtree violation');
  });

  it.each<[what: string, names: string, verdict: string]>([
    ['for an IP address', 'DNS:acquirer,IP:127.0.0.1', 'excluded subtree violation'],
    ['for an IPv6 address', 'DNS:acquirer,IP:::1', 'excluded subtree violation'],
    ['for a client', 'DNS:acquirer\nextendedKeyUsage=clientAuth', 'unsuitable certificate purpose'],
  ])('a certificate %s', (_what, names, verdict) => {
    const { cert } = forge({ extensions: `subjectAltName=critical,${names}\n${KEY_IDS}` });
    expect(openssl(authority.certificate, cert)).toBe(verdict);
  });

  it('another CA below it', () => {
    const asCa = `basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n${KEY_IDS}`;
    const below = forge({ extensions: asCa, subject: '/CN=below' });
    const { cert } = forge({ extensions: `subjectAltName=critical,DNS:acquirer\n${KEY_IDS}`, signer: below });
    const chain = ['-CAfile', file('ca.pem', authority.certificate), '-untrusted', file('below.pem', below.cert)];
    const { stdout, stderr } = spawnSync('openssl', ['verify', ...chain, file('leaf.pem', cert)], { encoding: 'utf8' });
    expect(stdout + stderr).toContain('path length constraint exceeded');
  });
});

describe('a CA that was saved', () => {
  it('is the same when it is read, and its key can be used but not taken out', async () => {
    const read = await readAuthority(authority, DNS_NAMES);
    expect(read).toMatchObject({ certificate: authority.certificate, notBefore: authority.notBefore, suits: true });
    expect(read?.signingKey.extractable).toBe(false);
  });

  it.each<[what: string, names: readonly string[], suits: boolean]>([
    ['suits its names in another order', DNS_NAMES.toReversed(), true],
    ['does not suit fewer', DNS_NAMES.slice(1), false],
    ['does not suit more', [...DNS_NAMES, 'another'], false],
    ['does not suit others', ['another.tokens.svc'], false],
  ])('%s', async (_what, names, suits) => {
    expect((await readAuthority(authority, names))?.suits).toBe(suits);
  });

  it('can be for a hundred long names', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `${'n'.repeat(60)}.${index}.svc.cluster.local`);
    const many = await makeAuthority(names, authorityTimes(Date.now()));
    registerKeys(many.privateKey.reveal());
    const pair = await issueCertificate(many, names, certificateTimes(many, Date.now()));
    expect(await call(await serve(pair), many.certificate, names[99] ?? '')).toBe('connected');
  });

  const permitted = 'nameConstraints=critical,permitted;DNS:acquirer';

  it.each<[what: string, extensions: string]>([
    ['a certificate of a server', 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature'],
    ['a CA with a longer path', 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign'],
    ['a CA for any name', 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign'],
    [
      'a CA with a longer path for its names',
      `basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign\n${permitted}`,
    ],
    [
      'a CA that may sign more than certificates',
      `basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n${permitted}`,
    ],
    [
      'a CA whose bounds may be ignored',
      'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\nnameConstraints=permitted;DNS:acquirer',
    ],
  ])('is not %s', async (_what, extensions) => {
    for (const signer of ['itself', undefined] as const) {
      const { cert, key } = forge({ extensions: `${extensions}\n`, subject: '/CN=foreign', ...(signer && { signer }) });
      const entry = { certificate: cert, privateKey: new Redacted(key) };
      expect(await readAuthority(entry, DNS_NAMES)).toBeUndefined();
    }
  });

  it('is one that openssl made with the same constraints', async () => {
    const extensions = `basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n${permitted}\n`;
    const { cert, key } = forge({ extensions, subject: '/CN=foreign', signer: 'itself' });
    const read = await readAuthority({ certificate: cert, privateKey: new Redacted(key) }, DNS_NAMES);
    expect(read).toMatchObject({ suits: false });
  });
});

describe('while CAs follow each other', () => {
  /** What an endpoint serves and publishes now whose first CA was made so long ago, and what it published before. */
  async function lived(age: number): Promise<{ pair: KeyPair; before: string; bundle: string; stop: () => void }> {
    const begin = Date.now() - age;
    const clock = createFakeClock({ now: begin });
    const store = new FakeAuthorityStore();
    const { ready, given, current, stop } = keep(store, clock);
    await ready;
    for (const at of [0, Math.min(336 * DAY, age), age]) {
      await pass(clock, 0);
      clock.jumpWall(begin + at - clock.now());
      await pass(clock, 11 * 60_000);
    }
    for (const text of store.saves) registerKeys(text);
    return { pair: current(), before: given[0]?.caBundle ?? '', bundle: current().caBundle, stop };
  }

  it.each<[when: string, age: number, accepted: readonly boolean[]]>([
    ['in its first year', 200 * DAY, [true, true, false]],
    ['when its successor is published', 340 * DAY, [true, true, false]],
    ['when its successor signs', 364.5 * DAY, [false, true, true]],
  ])('TLS clients with the right bundles connect %s', async (_when, age, accepted) => {
    const { pair, before, bundle, stop } = await lived(age);
    stop();
    const successor = certificatesIn(bundle).slice(1).join('\n');
    const server = await serve(pair);
    const calls = [before, bundle, successor].map((ca) => call(server, ca, 'acquirer.tokens.svc'));
    expect((await Promise.all(calls)).map((answer) => answer === 'connected')).toEqual(accepted);
  });

  it('a server that runs takes the next certificate, and who is connected stays so', async () => {
    const server = await serve(await issue());
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, servername: 'acquirer' });
    await once(socket, 'secureConnect');
    const next = await issue();
    registerKeys(next.key);
    server.setSecureContext(next);
    expect(await call(server, authority.certificate, 'acquirer')).toBe('connected');
    socket.write('GET / HTTP/1.1\r\nhost: acquirer\r\nconnection: close\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toContain('HTTP/1.1 200');
    socket.destroy();
  });
});
