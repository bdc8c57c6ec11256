import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchDirectory } from '../../src/adapters/fs/watch-directory.ts';
import { messageOf } from '../../src/core/errors.ts';
import { AuthorityFile } from '../../src/token-acquirer/endpoints/authority-file.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { registerSecret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const SOON = { timeout: 8000, interval: 5 };

let directory: ReturnType<typeof temporaryDirectory>;
let authority: CertificateAuthority;
let published: string[];
let warnings: string[];
let watching: number;
let files: AuthorityFile[];

beforeEach(() => {
  directory = temporaryDirectory();
  authority = createCertificateAuthority();
  [published, warnings, files, watching] = [[], [], [], 0];
});
afterEach(() => {
  for (const file of files) file.stop();
  authority.remove();
  directory.remove();
});

const at = (name: string): string => join(directory.path, name);

function open(): AuthorityFile {
  const file = new AuthorityFile({
    telemetry: {
      token: () => undefined,
      process: (event) => void (event.kind === 'warning' && warnings.push(event.message)),
      forget: () => undefined,
    },
    watchFile: (_file, changed) => {
      watching += 1;
      const stop = watchDirectory(directory.path, changed);
      return () => {
        watching -= 1;
        stop();
      };
    },
    publish: (bundle) => void published.push(bundle),
    sentenceOf: messageOf,
  });
  files.push(file);
  return file;
}

/** Replaces the file in one step, as the kubelet does. */
function put(name: string, text: string): void {
  writeFileSync(at(`${name}.new`), text);
  renameSync(at(`${name}.new`), at(name));
}

describe('the CAs of the endpoint from a file', () => {
  it('are published when the file was read, and again when it changes', async () => {
    put('ca.crt', authority.ca);
    await open().follow(at('ca.crt'));
    expect(published).toEqual([authority.ca]);
    const next = createCertificateAuthority();
    try {
      put('ca.crt', `${authority.ca}${next.ca}`);
      await expect.poll(() => published.length, SOON).toBe(2);
      expect(published[1]).toBe(`${authority.ca}${next.ca}`);
    } finally {
      next.remove();
    }
    expect(warnings).toEqual([]);
  });

  it('are published once if only the remarks of the file change', async () => {
    put('ca.crt', authority.ca);
    const file = open();
    await file.follow(at('ca.crt'));
    put('ca.crt', `# Made again\n\n${authority.ca.replaceAll('\n', '\r\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await file.follow(at('ca.crt'));
    expect(published).toEqual([authority.ca]);
  });

  it('are not published with a private key or a damaged certificate', async () => {
    const { key, cert } = authority.issue();
    registerSecret(key);
    put('ca.crt', authority.ca);
    await open().follow(at('ca.crt'));
    put('ca.crt', `${authority.ca}${key}${cert}`);
    await expect
      .poll(() => warnings, SOON)
      .toEqual([expect.stringMatching(/holds a private key in line \d+\. Remove/)]);
    put('ca.crt', `${authority.ca}${cert.slice(0, -30)}`);
    await expect
      .poll(() => warnings.at(-1), SOON)
      .toMatch(/breaks off: certificate 2, which begins in line \d+, has no/);
    expect(published).toEqual([authority.ca]);
  });

  it.each<[string, () => string | undefined, RegExp]>([
    ['is missing', () => undefined, /ca\.crt \(endpoint\.caFile\) cannot be read \(ENOENT\)\./],
    ['is empty, as for a public CA', () => '', /holds no certificate in PEM\./],
    ['holds only a key', () => authority.issue().key, /holds a private key in line 1\./],
    [
      'is damaged',
      () => '-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n',
      /is damaged: certificate 1, which begins in line 1, cannot be read\./,
    ],
    ['holds all the CAs of the system', () => authority.ca.repeat(150), /is larger than 64 KiB\. Name only the CA/],
  ])('are missing, which is logged, while the file %s', async (_sentence, text, says) => {
    const before = text();
    if (before !== undefined) put('ca.crt', before);
    await open().follow(at('ca.crt'));
    expect(published).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(says)]);
    expect(warnings[0]).toMatch(/Token volumes have no ca\.crt, so clients check the certificate with the CAs/);
    put('ca.crt', authority.ca);
    await expect.poll(() => published, SOON).toEqual([authority.ca]);
  });

  it('stay unchanged if the file becomes invalid', async () => {
    put('ca.crt', authority.ca);
    await open().follow(at('ca.crt'));
    rmSync(at('ca.crt'));
    await expect.poll(() => warnings.at(-1), SOON).toMatch(/ENOENT.*The one in use stays\.$/);
    expect(published).toEqual([authority.ca]);
  });

  it('come from another file after a change of the configuration, and from none after a stop', async () => {
    put('ca.crt', authority.ca);
    const next = createCertificateAuthority();
    put('next.crt', next.ca);
    const file = open();
    await file.follow(at('ca.crt'));
    await file.follow(at('next.crt'));
    expect(published).toEqual([authority.ca, next.ca]);
    expect(watching).toBe(1);
    await file.follow(undefined);
    expect(watching).toBe(0);
    await file.follow(at('next.crt'));
    file.stop();
    put('next.crt', authority.ca);
    await new Promise((resolve) => setTimeout(resolve, 200));
    next.remove();
    expect(published).toHaveLength(2);
    expect(watching).toBe(0);
  });
});
