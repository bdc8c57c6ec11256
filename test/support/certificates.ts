import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  remove(): void;
}

/** Found on the PATH: a tool of the machine, not a package. */
const OPENSSL = 'openssl';

/** A private CA of its own key. Throws a sentence where the machine has no openssl. */
export function createCertificateAuthority(): CertificateAuthority {
  if (spawnSync(OPENSSL, ['version']).status !== 0) {
    throw new Error('These tests make certificates with openssl, which was not found: install openssl.');
  }
  const directory = mkdtempSync(join(tmpdir(), 'token-acquirer-ca-'));
  const at = (name: string): string => join(directory, name);
  const openssl = (...parameters: string[]): void => {
    execFileSync(OPENSSL, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const ca = ['-subj', '/CN=test CA', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE'];
  openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.crt'), ...ca);
  let issued = 0;
  return {
    ca: readFileSync(at('ca.crt'), 'utf8'),
    caFile: at('ca.crt'),
    key: readFileSync(at('ca.key'), 'utf8'),
    issue(subjectAltName = 'IP:127.0.0.1,IP:::1,DNS:localhost', kind = 'ec') {
      issued += 1;
      const [key, request, cert, extensions] = ['key', 'csr', 'crt', 'ext'].map((end) => at(`${issued}.${end}`)) as [
        string,
        string,
        string,
        string,
      ];
      writeFileSync(extensions, `subjectAltName=${subjectAltName}\n`);
      openssl(
        'req',
        '-new',
        ...(kind === 'ec' ? newKey : ['-newkey', kind, '-nodes']),
        '-keyout',
        key,
        '-out',
        request,
        '-subj',
        `/CN=test server ${issued}`,
      );
      const signer = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
      openssl('x509', '-req', '-in', request, ...signer, '-out', cert, '-extfile', extensions);
      return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
