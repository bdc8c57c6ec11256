import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BundleError, readBundle } from '../../core/certificate-bundle.ts';
import { systemCode, UsageError } from '../../core/errors.ts';
import { oneAtATime } from '../../core/one-at-a-time.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

export interface AuthorityFileDependencies {
  readonly telemetry: Telemetry;
  /** Calls back when the file changes; the result stops it. */
  watchFile(file: string, changed: () => void): () => void;
  /** Receives the CA certificates with which clients check the certificate. */
  readonly publish: (caBundle: string) => void;
  /** Returns a message for an error that holds nothing secret. */
  readonly sentenceOf: (error: unknown) => string;
}

/** It goes into each token Secret, and those hold 1 MiB. */
const LARGEST = 64 * 1024;

/** Hands on what clients check the endpoint's certificate with: from a file, and again when that changes. */
export class AuthorityFile {
  readonly #dependencies: AuthorityFileDependencies;
  readonly #read = oneAtATime(() => this.#readAgain());
  #file: string | undefined;
  #published = '';
  #unwatch: () => void = () => undefined;

  constructor(dependencies: AuthorityFileDependencies) {
    this.#dependencies = dependencies;
  }

  /** Resolves when the file was read. A file that cannot be used is reported, and the published CA stays. */
  async follow(file: string | undefined): Promise<void> {
    if (file === this.#file) return;
    this.stop();
    this.#file = file;
    if (file === undefined) return;
    this.#unwatch = this.#dependencies.watchFile(file, () => void this.#read());
    await this.#read();
  }

  stop(): void {
    this.#unwatch();
    this.#unwatch = () => undefined;
    this.#file = undefined;
  }

  async #readAgain(): Promise<void> {
    const { publish, telemetry, sentenceOf } = this.#dependencies;
    const file = this.#file;
    if (file === undefined) return;
    try {
      const bundle = await readCertificates(file);
      if (bundle === this.#published || file !== this.#file) return;
      this.#published = bundle;
      publish(bundle);
    } catch (error) {
      const rest =
        this.#published === ''
          ? 'Token volumes have no ca.crt, so clients check the certificate with the CAs of their system.'
          : 'The one in use stays.';
      telemetry.process({ kind: 'warning', message: `${sentenceOf(error)} ${rest}` });
    }
  }
}

/** Returns the certificates in the file, all of them or none. Throws UsageError. */
async function readCertificates(file: string): Promise<string> {
  const named = `The file ${file} (endpoint.caFile)`;
  let bundle: string;
  try {
    bundle = readBundle(await readFile(file, 'utf8'), (pem) => new X509Certificate(pem).toString());
  } catch (error) {
    if (error instanceof BundleError) throw new UsageError(`${named} ${error.message}.`);
    throw new UsageError(`${named} cannot be read (${systemCode(error) ?? 'failed'}).`);
  }
  if (bundle.length <= LARGEST) return bundle;
  throw new UsageError(`${named} is larger than ${LARGEST / 1024} KiB. Name only the CA of the certificate.`);
}
