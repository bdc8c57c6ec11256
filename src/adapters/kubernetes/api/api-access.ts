import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { StoreError, systemCode } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { TlsSettings } from '../../http/tls-connection.ts';
import { CaFileError, caReader } from '../../tls/ca-file.ts';
import type { ApiAccess } from './api-connection.ts';

/** The kubelet rotates a token at 80 % of its life, which is at least 10 min. */
const REREAD: Ms = 60_000;

/** A file whose text may change: read again when the last time is a minute ago, or it was forgotten. */
export class RereadFile {
  readonly #path: string;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #text: string | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(path: string, clock: Pick<Clock, 'monotonic'>) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Its trimmed text; what it was, where it cannot be read now. Throws StoreError where it never could. */
  read(): string {
    const now = this.#clock.monotonic();
    if (this.#text !== undefined && now - this.#readAt < REREAD) return this.#text;
    const { text, fault } = textOf(this.#path);
    if (text === undefined && this.#text === undefined) {
      const remedy =
        'Mount the token of the ServiceAccount (the volume api-access of the chart, or automountServiceAccountToken), or give --kubeconfig FILE.';
      throw new StoreError(`The file ${this.#path} ${fault}. ${remedy}`, { permanent: true });
    }
    this.#readAt = now;
    this.#text = text ?? this.#text ?? '';
    return this.#text;
  }

  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}

function textOf(path: string): { text: string | undefined; fault: string } {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? { text: undefined, fault: 'is empty' } : { text, fault: '' };
  } catch (error) {
    return { text: undefined, fault: `cannot be read (${systemCode(error) ?? 'no code'})` };
  }
}

/** The token and the CA certificate that the kubelet keeps up to date in every pod. */
export function serviceAccountAccess(folder: string, clock: Pick<Clock, 'monotonic'>): ApiAccess {
  const token = new RereadFile(`${folder}/token`, clock);
  const path = `${folder}/ca.crt`;
  const authority = new RereadFile(path, clock);
  const certificatesIn = caReader();
  return {
    headers: async () => ({ Authorization: `Bearer ${token.read()}` }),
    tls: async () => ({ ca: trusted(`The file ${path}`, () => certificatesIn(authority.read())) }),
    forget() {
      token.forget();
      authority.forget();
    },
  };
}

/** The present user and cluster of a kubeconfig: token, certificate, password or a program that gets one of them. */
export function kubeconfigAccess(file: string, config: KubeConfig): ApiAccess {
  const certificatesIn = caReader();
  async function options(): Promise<RequestOptions> {
    const found: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(found);
    } catch {
      // The message may be the output of a program that gets tokens.
      throw new StoreError(
        `The present user of the kubeconfig ${file} cannot be authenticated. Try: kubectl --kubeconfig ${file} version.`,
        { permanent: true },
      );
    }
    return found;
  }

  return {
    async headers() {
      const { headers, auth } = await options();
      const named = Object.entries(headers ?? {}).map(([name, value]): [string, string] => [name, String(value)]);
      if (auth) named.push(['Authorization', `Basic ${Buffer.from(auth).toString('base64')}`]);
      return Object.fromEntries(named);
    },
    async tls() {
      const { ca, cert, key, servername, rejectUnauthorized } = await options();
      const text = pem(ca);
      const what = `The CA of the cluster (certificate-authority) in the kubeconfig ${file}`;
      const certificates = text === undefined ? undefined : trusted(what, () => certificatesIn(text));
      const settings: TlsSettings = { ca: certificates, cert: pem(cert), key: pem(key), servername };
      return rejectUnauthorized === false ? { ...settings, rejectUnauthorized } : settings;
    },
    forget: () => undefined,
  };
}

function trusted(what: string, read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CaFileError)) throw error;
    throw new StoreError(
      `${what} ${error.message}. Correct it: nothing is sent to an API server that is not verified.`,
      {
        permanent: true,
      },
    );
  }
}

function pem(value: unknown): string | undefined {
  if (Buffer.isBuffer(value)) return value.toString();
  return typeof value === 'string' ? value : undefined;
}
