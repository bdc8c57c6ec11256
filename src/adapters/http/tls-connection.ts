import { isIP, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { systemCode } from '../../core/errors.ts';
import { certificateError, type Presented } from './certificate-fault.ts';

/** What a TLS client trusts and presents; all PEM. */
export interface TlsSettings {
  /** Instead of the public CAs. An intermediate CA is enough, except on Node before 20.18. */
  readonly ca?: string | undefined;
  /** What the client presents, with its chain, and the key of it. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the certificate must be for; by default the host. */
  readonly servername?: string | undefined;
  /** Only for a kubeconfig that turns verification off. */
  readonly rejectUnauthorized?: false | undefined;
}

/** What Node cannot use as settings of TLS. The code is OpenSSL's; its message might quote a key. */
export class TlsSettingsError extends Error {
  override readonly name = 'TlsSettingsError';
  readonly code: string;

  constructor(code: string) {
    super(`The certificate or the private key cannot be used (${code}).`);
    this.code = code;
  }
}

export interface TlsClient {
  readonly settings: TlsSettings;
  readonly secureContext: SecureContext;
}

/** By CA: 18 kB for each connection otherwise, and half a millisecond. Without those that hold a private key. */
const sharedContexts = new Map<string, WeakRef<SecureContext>>();

/** Throws TlsSettingsError. */
export function tlsClient(settings: TlsSettings): TlsClient {
  const { ca, cert, key } = settings;
  if (cert !== undefined || key !== undefined) return { settings, secureContext: contextOf(settings) };
  const name = ca ?? '';
  const known = sharedContexts.get(name)?.deref();
  if (known !== undefined) return { settings, secureContext: known };
  const secureContext = contextOf(settings);
  for (const [former, context] of sharedContexts) if (context.deref() === undefined) sharedContexts.delete(former);
  sharedContexts.set(name, new WeakRef(secureContext));
  return { settings, secureContext };
}

function contextOf({ ca, cert, key }: TlsSettings): SecureContext {
  try {
    // A private CA is often known by an intermediate certificate only, which Go and curl accept.
    return createSecureContext({ ca, cert, key, allowPartialTrustChain: true });
  } catch (error) {
    throw new TlsSettingsError(systemCode(error) ?? 'UNKNOWN');
  }
}

/**
 * Begins TLS on a connected socket to a host, and resolves when the host's certificate has been verified. Takes over
 * the socket. Rejects with CertificateError, another error of TLS, or the signal's reason; the connection is closed then.
 */
export function startTls(
  socket: Socket,
  host: string,
  { settings, secureContext }: TlsClient,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { servername = isIP(host) === 0 ? host : undefined, rejectUnauthorized = true } = settings;
    const secured = connect({
      socket,
      host,
      servername,
      secureContext,
      // Stated, because NODE_TLS_REJECT_UNAUTHORIZED=0 is the default otherwise.
      rejectUnauthorized,
      ALPNProtocols: ['http/1.1'],
    });
    const end = (error: Error): void => {
      signal.removeEventListener('abort', cancel);
      secured.destroy();
      socket.destroy();
      reject(error);
    };
    const cancel = (): void => end(signal.reason as Error);
    let certificate: DetailedPeerCertificate | undefined;
    // Node closes the connection in its own listener of this event, and shows no certificate after that. To ask for the
    // X509Certificate here would leave Node's own check of the name with an empty one.
    secured.prependOnceListener('secure', () => (certificate = secured.getPeerCertificate(true)));
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    // The listener stays: an error between this and the use of the socket would end the process.
    secured
      .on('error', (error: Error) => end(judged(error, secured, { host: servername ?? host, certificate })))
      .once('secureConnect', () => {
        signal.removeEventListener('abort', cancel);
        // It would stay as long as the listener of errors.
        certificate = undefined;
        resolve(secured);
      });
  });
}

/** Node sets `authorizationError` where the certificate is what it did not accept. */
function judged(error: Error, { authorizationError }: TLSSocket, presented: Presented): Error {
  const isAboutCertificate = Boolean(authorizationError);
  return isAboutCertificate ? certificateError(systemCode(error) ?? 'UNSPECIFIED', presented) : error;
}
