import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { SigningCall, SigningRequest } from './certificate-signer.ts';

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
  /** A certificate for these names and addresses, by default those of loopback; its key is EC on P-256 or `rsa`. */
  issue(subjectAltName?: string, key?: 'ec' | 'rsa'): ServerCertificate;
  /** A CA that this one has signed. */
  intermediate(): CertificateAuthority;
  remove(): void;
}

const LOOPBACK = 'IP:127.0.0.1,IP:::1,DNS:localhost';
const PATIENCE = 30_000;

let signer: Worker | undefined;

/** Creates a private CA with a new key. */
export function createCertificateAuthority(): CertificateAuthority {
  return authorityOf(signed({ commonName: 'test CA', ca: true, rsa: false }));
}

function authorityOf(own: ServerCertificate): CertificateAuthority {
  const directory = mkdtempSync(join(tmpdir(), 'token-acquirer-ca-'));
  const caFile = join(directory, 'ca.crt');
  writeFileSync(caFile, own.cert);
  let issued = 0;
  return {
    ca: own.cert,
    caFile,
    key: own.key,
    issue(subjectAltName = LOOPBACK, key = 'ec') {
      issued += 1;
      const commonName = `test server ${issued}`;
      return signed({ commonName, subjectAltName, ca: false, rsa: key === 'rsa', signer: own });
    },
    intermediate: () => authorityOf(signed({ commonName: 'test intermediate CA', ca: true, rsa: false, signer: own })),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Waits for the worker thread, because tests make certificates where they cannot await. */
function signed(request: SigningRequest): ServerCertificate {
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  signer ??= newSigner();
  signer.postMessage({ request, answer: port2, done } satisfies SigningCall, [port2]);
  if (Atomics.wait(done, 0, 0, PATIENCE) === 'timed-out') throw new Error('No certificate was signed in 30 s.');
  const answer = receiveMessageOnPort(port1)?.message as ServerCertificate | { error: string };
  port1.close();
  if ('error' in answer) throw new Error(`The certificate could not be signed: ${answer.error}`);
  return answer;
}

function newSigner(): Worker {
  const worker = new Worker(new URL('certificate-signer.ts', import.meta.url));
  worker.unref();
  return worker;
}
