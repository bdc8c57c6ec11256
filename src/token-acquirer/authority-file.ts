import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemCode, UsageError } from '../core/errors.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { oneAtATime } from './one-at-a-time.ts';

export interface AuthorityFileDependencies {
  readonly telemetry: Telemetry;
  /** Calls back when the file changes; the result stops it. */
  watchFile(file: string, changed: () => void): () => void;
  /** Told of what clients check the certificate with. */
  readonly publish: (caBundle: string) => void;
  /** The message of an error that may be told. */
  readonly sentenceOf: (error: unknown) => string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
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

  /** Resolves when it was read. A file that cannot be used is told, and what was published stays. */
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
      const bundle = await readBundle(file);
      if (bundle === this.#published || file !== this.#file) return;
      this.#published = bundle;
      publish(bundle);
    } catch (error) {
      const rest =
        this.#published === ''
          ? 'Token volumes have no ca.crt, so clients check the certificate by the authorities of their system.'
          : 'The one in use stays.';
      telemetry.process({ kind: 'warning', message: `${sentenceOf(error)} ${rest}` });
    }
  }
}

/** The certificates in it and nothing else, so that a key that lies beside them is never handed on. Throws UsageError. */
async function readBundle(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`The file ${file} (endpoint.caFile) cannot be read (${systemCode(error) ?? 'failed'}).`);
  }
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new UsageError(`The file ${file} (endpoint.caFile) holds no PEM certificate.`);
  const bundle = certificates.map((pem) => canonical(file, pem)).join('');
  if (bundle.length <= LARGEST) return bundle;
  throw new UsageError(
    `The file ${file} (endpoint.caFile) is larger than ${LARGEST / 1024} KiB. Name the authority of the certificate alone.`,
  );
}

function canonical(file: string, pem: string): string {
  try {
    return new X509Certificate(pem).toString();
  } catch {
    throw new UsageError(`The file ${file} (endpoint.caFile) holds a certificate that is damaged.`);
  }
}
