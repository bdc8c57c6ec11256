import type { Redacted } from '../core/redacted.ts';
import type { Ms } from '../core/token.ts';
import type { TokenHeader } from '../core/token-header.ts';

/** One request of the client side over a separate connection. */
export interface HttpCall {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly bearer?: Redacted | undefined;
  /** The header that carries it; `Authorization: Bearer` by default. */
  readonly tokenHeader?: TokenHeader | undefined;
  /** Further headers; none of them is secret. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON. */
  readonly body?: string | undefined;
  /** In PEM, instead of the public CAs. */
  readonly ca?: string | undefined;
  /** What the certificate is to be for, if not the URL's host. */
  readonly serverName?: string | undefined;
  /** In all, the answer's body included; 10 s by default. */
  readonly timeout?: Ms | undefined;
  /** For the connection, its TLS handshake included; by default the whole time. */
  readonly connectWithin?: Ms | undefined;
}

export interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  /** By lower-case name; several of one name are joined with a comma (RFC 9110 section 5.3). */
  readonly headers: Readonly<Record<string, string>>;
  /** Up to 64 KiB of it; not to be printed. */
  readonly body: string;
  /** False where there was more of the body, which was left unread. */
  readonly whole: boolean;
}

/** Why a certificate is not accepted. `rejected`: for any other reason. */
export type CertificateProblem = 'expired' | 'not-yet-valid' | 'other-name' | 'self-signed' | 'untrusted' | 'rejected';

export interface RejectedCertificate {
  readonly problem: CertificateProblem;
  /** What is wrong and what to do, in sentences. */
  readonly explanation: string;
}

/** No answer came. `down`: the address exists, and nothing listens there. */
export interface Unreached {
  readonly kind: 'unreached';
  readonly why: 'down' | 'no-such-name' | 'untrusted' | 'timeout' | 'broken';
  /** Of the system error or of TLS, such as ECONNREFUSED; TIMEOUT where the call's own time was over, CONNECT_TIMEOUT where that of the connection was. */
  readonly code: string;
  /** With `untrusted`. */
  readonly certificate?: RejectedCertificate;
}

/** Certificates are always verified, and no redirect is followed. Never rejects. */
export type MakeCall = (call: HttpCall) => Promise<Answered | Unreached>;
