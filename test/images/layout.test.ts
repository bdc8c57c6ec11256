import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { libraryComponents, nodeComponents, nodeImageProperties } from '../../src/bill-of-materials.ts';
import { layOutImage, withoutSymbols } from '../../src/build.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { keepOutput } from '../support/outputs.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const { path: folder, remove } = temporaryDirectory();
const client = join(folder, 'client');
const example = join(folder, 'example');

beforeAll(async () => {
  await layOutImage('client-app', client);
  await layOutImage('example-services', example);
}, 60_000);

afterAll(remove);

function filesIn(root: string): string[] {
  return globSync('**/*', { cwd: root })
    .filter((path) => statSync(join(root, path)).isFile())
    .toSorted();
}

/** The libraries that Node loads lie where this machine's C library has them. */
const isLibrary = (path: string): boolean => /^(?:usr\/)?lib(?:64)?\/.*\.so/.test(path);

describe('the root of the image of the client app', () => {
  it('holds the program, Node, its libraries and five files of names, and nothing else', () => {
    expect(filesIn(client).filter((path) => !isLibrary(path))).toEqual([
      'app/client-app.mjs',
      'etc/group',
      'etc/nsswitch.conf',
      'etc/passwd',
      'etc/ssl/certs/ca-certificates.crt',
      'usr/local/bin/client-app',
      'usr/local/bin/node',
      'usr/share/licenses/client-app/LICENSE',
      'usr/share/sbom/client-app.cdx.json',
    ]);
    expect(filesIn(client).filter(isLibrary).length).toBeLessThan(10);
  });

  // The marks of what is known to be in the token-acquirer, see below.
  it.each([/client_secret/, /openid-client/, /oauth4webapi/, /kubernetes/i, /jose/, /grant_type/, /refresh_token/])(
    'holds no code that says %s',
    (mark) => {
      const program = readFileSync(join(client, 'app/client-app.mjs'), 'utf8');
      // kubectl gives an exec plugin its request in this variable.
      expect(program.replaceAll('KUBERNETES_EXEC_INFO', '')).not.toMatch(mark);
    },
  );

  const billOf = (): Bill =>
    JSON.parse(readFileSync(join(client, 'usr/share/sbom/client-app.cdx.json'), 'utf8')) as Bill;

  it('lists what is in it: the log, what that needs, and Node', () => {
    const bill = billOf();
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'client-app' } } });
    const ofNpm = bill.components.filter((one) => one.hashes?.[0]?.alg === 'SHA-512');
    expect(ofNpm.map(({ name }) => name).toSorted()).toEqual([
      '@pinojs/redact',
      'atomic-sleep',
      'on-exit-leak-free',
      'pino',
      'pino-std-serializers',
      'quick-format-unescaped',
      'safe-stable-stringify',
      'sonic-boom',
      'thread-stream',
    ]);
    expect(bill.components.at(-1)).toMatchObject({ name: 'node', version: process.versions.node });
  });

  it('lists every library that was copied next to Node, by its Debian package or by its hash', () => {
    const { components } = billOf();
    const listed = components.flatMap(({ evidence }) => evidence?.occurrences.map(({ location }) => location) ?? []);
    const copied = filesIn(client).filter(isLibrary);
    expect(listed.map((path) => path.slice(1)).toSorted()).toEqual(copied);
    for (const { evidence, purl, hashes } of components) {
      if (evidence === undefined) continue;
      if (purl === undefined) expect(hashes).toHaveLength(1);
      else expect(purl).toMatch(/^pkg:deb\/[a-z]+\/lib[-+.a-z0-9]+@[^?]+\?arch=\w+&distro=[a-z]+-/);
    }
  });

  it('lists OpenSSL and the other libraries in Node, as scanners know them', () => {
    const openssl = process.versions.openssl.replace(/\+.*/, '');
    expect(billOf().components).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: 'openssl',
          version: openssl,
          purl: `pkg:generic/openssl@${openssl}`,
          cpe: `cpe:2.3:a:openssl:openssl:${openssl}:*:*:*:*:*:*:*`,
        }),
        ...['libuv', 'nghttp2', 'v8', 'zlib', 'icu', 'undici'].map(
          (name) => expect.objectContaining({ name }) as object,
        ),
      ]),
    );
    const { components, dependencies } = billOf();
    const refs = components.map((component) => component['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    for (const { dependsOn } of dependencies) for (const ref of dependsOn) expect(refs).toContain(ref);
  });

  it('names a user without a shell and a home', () => {
    expect(readFileSync(join(client, 'etc/passwd'), 'utf8')).toBe(
      'nonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n',
    );
  });

  it('trusts the public CAs that Node brings, whatever this machine trusts', () => {
    const text = readFileSync(join(client, 'etc/ssl/certs/ca-certificates.crt'), 'utf8');
    const script = "process.stdout.write(String(require('node:tls').rootCertificates.length))";
    const count = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env: {} });
    expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(Number(count));
  });
});

interface Bill {
  readonly components: readonly {
    readonly name: string;
    readonly 'bom-ref': string;
    readonly purl?: string;
    readonly hashes?: readonly { readonly alg: string }[];
    readonly evidence?: { readonly occurrences: readonly { readonly location: string }[] };
  }[];
  readonly dependencies: readonly { readonly dependsOn: readonly string[] }[];
}

describe('the list of contents', () => {
  it('names the image that Node is from, and whether a digest fixes it', () => {
    const pinned = `node:24-bookworm-slim@sha256:${'a'.repeat(64)}`;
    expect(nodeImageProperties(pinned)).toEqual([
      { name: 'token-acquirer:node-image', value: pinned },
      { name: 'token-acquirer:node-image-pinned', value: 'true' },
    ]);
    expect(nodeImageProperties('node:24')[1]).toMatchObject({ value: 'false' });
    expect(nodeImageProperties(undefined)).toEqual([]);
  });

  it('has a hash for a library of no Debian package', () => {
    const file = join(folder, 'libown.so');
    writeFileSync(file, 'a');
    expect(libraryComponents([file])).toEqual([
      {
        type: 'file',
        name: file,
        'bom-ref': `file:${file}`,
        evidence: { occurrences: [{ location: file }] },
        hashes: [{ alg: 'SHA-256', content: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' }],
      },
    ]);
  });

  it('leaves out what this Node lacks, and what Node adds to a version', () => {
    const told = nodeComponents({ node: '24.0.0', openssl: '3.5.8+quic', nghttp3: '' });
    expect(told.map((one) => one['bom-ref'])).toEqual(['node:openssl@3.5.8', 'node@24.0.0']);
  });
});

describe('a Node without symbols', () => {
  const stripped = join(client, 'usr/local/bin/node');

  it('is smaller, and does all that it did', () => {
    expect(statSync(stripped).size).toBeLessThan(statSync(process.execPath).size - 10_000_000);
    const script = `
      const { createHash, generateKeyPairSync } = require('node:crypto');
      generateKeyPairSync('ec', { namedCurve: 'P-256' });
      WebAssembly.validate(new Uint8Array(8));
      new Intl.DateTimeFormat('de').format(0);
      console.log(process.version, createHash('sha256').update('a').digest('hex').slice(0, 8));`;
    const answer = execFileSync(stripped, ['-e', script], { encoding: 'utf8' });
    expect(answer).toBe(`${process.version} ca978112\n`);
  });

  it('cannot be made from what is no program', () => {
    expect(() => withoutSymbols(Buffer.from('#!/bin/sh\nexit 0 and some more\n'))).toThrow(
      'This is not a 64-bit little-endian ELF file.',
    );
  });

  it('is the same when there are none any more', () => {
    const program = readFileSync(stripped);
    expect(withoutSymbols(program).equals(program)).toBe(true);
  });
});

describe('the services of the example, as one file', () => {
  it('issue tokens that live as long as they are configured to', async () => {
    const [port, control] = [await freePort(), await freePort()];
    const authority = createCertificateAuthority();
    const { cert, key } = authority.issue();
    const clientSecret = secret('client-secret');
    const secrets = join(folder, 'secrets');
    mkdirSync(secrets);
    writeFileSync(join(secrets, 'tls.crt'), cert);
    writeFileSync(join(secrets, 'tls.key'), key);
    const clients = [{ clientId: 'app', clientSecret, grants: ['client_credentials'] }];
    writeFileSync(join(secrets, 'clients.json'), JSON.stringify(clients));
    const env = {
      LISTEN: `127.0.0.1:${port}`,
      ISSUER: `https://localhost:${port}`,
      SECRETS: secrets,
      TOKEN_LIFETIME: '20s',
      REVOCATION_PORT: String(control),
    };
    const main = join(example, 'app/example-services.mjs');
    const child = spawn(process.execPath, [main, 'authorization-server'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    keepOutput(child, 'example-services.mjs');
    try {
      await once(createInterface({ input: child.stdout }), 'line');
      const script = `fetch('${env.ISSUER}/token', { method: 'POST', body: 'grant_type=client_credentials',
        headers: { authorization: process.env.BASIC, 'content-type': 'application/x-www-form-urlencoded' },
      }).then((answer) => answer.text()).then((text) => process.stdout.write(text));`;
      const basic = `Basic ${Buffer.from(`app:${clientSecret}`).toString('base64')}`;
      const answer = execFileSync(process.execPath, ['-e', script], {
        env: { NODE_EXTRA_CA_CERTS: authority.caFile, BASIC: basic },
        encoding: 'utf8',
      });
      const token = JSON.parse(answer) as { access_token: string };
      registerSecret(token.access_token);
      expect(token).toMatchObject({ expires_in: 20, token_type: 'Bearer' });
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
      authority.remove();
    }
  });
});
