import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateAuthority {
  /** PEM, and the file that holds it. */
  readonly ca: string;
  readonly caFile: string;
  /** The private key, PEM. */
  readonly key: string;
  /** A certificate for these names and addresses, by default those of loopback; the key EC on P-256, or as openssl has it. */
  issue(subjectAltName?: string, key?: string): ServerCertificate;
  /** A CA that this one has signed. */
  intermediate(): CertificateAuthority;
  remove(): void;
}

/** Found on the PATH: a tool of the machine, not a package. */
const OPENSSL = 'openssl';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function openssl(...parameters: string[]): void {
  execFileSync(OPENSSL, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'token-acquirer-ca-'));
}

/** A private CA of its own key. Throws a sentence where the machine has no openssl. */
export function createCertificateAuthority(): CertificateAuthority {
  if (spawnSync(OPENSSL, ['version']).status !== 0) {
    throw new Error('These tests make certificates with openssl, which was not found: install openssl.');
  }
  const directory = newDirectory();
  const ca = ['-subj', '/CN=test CA', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE'];
  const files = ['-keyout', join(directory, 'ca.key'), '-out', join(directory, 'ca.crt')];
  openssl('req', '-x509', ...NEW_KEY, ...files, ...ca);
  return authorityIn(directory);
}

/** The CA whose certificate and key are in a directory. */
function authorityIn(directory: string): CertificateAuthority {
  const at = (name: string): string => join(directory, name);
  let issued = 0;

  /** Signs a new key; returns the paths of the key and the certificate. */
  function sign(subject: string, extensions: string, kind = 'ec'): { readonly key: string; readonly cert: string } {
    issued += 1;
    const [key, request, cert, file] = ['key', 'csr', 'crt', 'ext'].map((end) => at(`${issued}.${end}`)) as [
      string,
      string,
      string,
      string,
    ];
    writeFileSync(file, extensions);
    const newKey = kind === 'ec' ? NEW_KEY : ['-newkey', kind, '-nodes'];
    openssl('req', '-new', ...newKey, '-keyout', key, '-out', request, '-subj', subject);
    const signer = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', request, ...signer, '-out', cert, '-extfile', file);
    return { key, cert };
  }

  return {
    ca: readFileSync(at('ca.crt'), 'utf8'),
    caFile: at('ca.crt'),
    key: readFileSync(at('ca.key'), 'utf8'),
    issue(subjectAltName = 'IP:127.0.0.1,IP:::1,DNS:localhost', kind = 'ec') {
      const { key, cert } = sign(`/CN=test server ${issued + 1}`, `subjectAltName=${subjectAltName}\n`, kind);
      return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    },
    intermediate() {
      const { key, cert } = sign('/CN=test intermediate CA', 'basicConstraints=critical,CA:TRUE\n');
      const below = newDirectory();
      copyFileSync(key, join(below, 'ca.key'));
      copyFileSync(cert, join(below, 'ca.crt'));
      return authorityIn(below);
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
