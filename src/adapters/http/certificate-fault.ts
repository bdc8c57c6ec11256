import type { Certificate, DetailedPeerCertificate } from 'node:tls';
import type { CertificateProblem } from '../../ports/http-call.ts';

/** The other side's certificate was not accepted, so nothing was sent. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  /** Of OpenSSL or Node. */
  readonly code: string;
  readonly problem: CertificateProblem;
  readonly #explanation: Explanation;

  constructor(code: string, problem: CertificateProblem, explanation: Explanation) {
    super(explanation.what);
    this.code = code;
    this.problem = problem;
    this.#explanation = explanation;
  }

  /** What is wrong and what to do, in sentences. */
  explain({ place, isConfigured }: Trust): string {
    const { remedyFor, unknownTo } = this.#explanation;
    return isConfigured && unknownTo !== undefined ? unknownTo(place) : `${this.message} ${remedyFor(place)}`;
  }
}

/** Which CAs are trusted. */
export interface Trust {
  /** Where this user keeps them, or may put them: `caFile`. */
  readonly place: string;
  /** Whether it is those in that place, and not those of the system. */
  readonly isConfigured: boolean;
}

interface Explanation {
  readonly what: string;
  /** Both sentences, where CAs are configured and none of them will do. */
  readonly unknownTo?: (place: string) => string;
  readonly remedyFor: (ca: string) => string;
}

/** What was expected, and what came; `undefined` where Node does not show it. */
export interface Presented {
  readonly host: string;
  readonly certificate: DetailedPeerCertificate | undefined;
}

const PROBLEMS: ReadonlyMap<string, CertificateProblem> = new Map<string, CertificateProblem>([
  ['CERT_HAS_EXPIRED', 'expired'],
  ['CERT_NOT_YET_VALID', 'not-yet-valid'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'other-name'],
  ['HOSTNAME_MISMATCH', 'other-name'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'untrusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted'],
  ['CERT_UNTRUSTED', 'untrusted'],
]);

const EXPLANATIONS: Readonly<Record<CertificateProblem, (presented: Presented) => Explanation>> = {
  expired: (presented) => outOfTime(presented, 'valid_to'),
  'not-yet-valid': (presented) => outOfTime(presented, 'valid_from'),
  'other-name': otherName,
  'self-signed': ({ host }) => ({
    what: `The certificate of ${host} is self-signed, and not among those that are trusted.`,
    unknownTo: (place) =>
      `The certificate of ${host} is self-signed, and it is not in ${place}. Put it there, or have a CA issue another.`,
    remedyFor: (ca) => `Put it into ${ca}, or have a CA issue another.`,
  }),
  untrusted: ({ host, certificate }) => ({
    what: `The certificate of ${host} was issued by ${nameIn(certificate?.issuer) ?? 'a CA'}, which is not trusted.`,
    unknownTo: (place) =>
      `The certificate of ${host} was issued by ${nameIn(certificate?.issuer) ?? 'a CA'}, and not by a CA in ${place}. Put the certificate of that CA there. If one in there issued it, have the server send its intermediate certificates.`,
    remedyFor: (ca) =>
      `Put the certificate of that CA into ${ca}. If a public CA issued it, have the server send its intermediate certificates.`,
  }),
  rejected: ({ host }) => ({
    what: `The certificate of ${host} is not one for a TLS server, or its chain has an error.`,
    remedyFor: () => 'Have another issued.',
  }),
};

/** The error for a certificate that OpenSSL or Node rejected with this code. */
export function certificateError(code: string, presented: Presented): CertificateError {
  const problem = PROBLEMS.get(code) ?? 'rejected';
  return new CertificateError(code, problem, EXPLANATIONS[problem](presented));
}

const WORDS = { valid_to: 'expired at', valid_from: 'is valid only from' } as const;

/** The code does not say which certificate of the chain it is about. */
function outOfTime({ host, certificate }: Presented, bound: 'valid_to' | 'valid_from'): Explanation {
  const now = Date.now();
  const isOut = (one: DetailedPeerCertificate): boolean => {
    const at = Date.parse(one[bound]);
    return bound === 'valid_to' ? at < now : at > now;
  };
  const clock = `If that is wrong, correct the clock of this machine, which shows ${timeText(now)}.`;
  const culprit = chainOf(certificate).find(isOut);
  if (culprit === undefined) {
    const what = `The certificate of ${host}, or of a CA above it, ${bound === 'valid_to' ? 'has expired' : 'is not valid yet'}.`;
    return { what, remedyFor: () => `Renew it on the server. ${clock}` };
  }
  const time = `${WORDS[bound]} ${timeText(Date.parse(culprit[bound]))}`;
  if (culprit === certificate) {
    return { what: `The certificate of ${host} ${time}.`, remedyFor: () => `Renew it on the server. ${clock}` };
  }
  return {
    what: `The CA ${nameIn(culprit.subject) ?? 'certificate'} above the certificate of ${host} ${time}.`,
    remedyFor: (ca) => `Have the server send a current chain, or put the current CA into ${ca}. ${clock}`,
  };
}

function chainOf(certificate: DetailedPeerCertificate | undefined): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  // A root is its own issuer.
  for (let next = certificate; next?.valid_to !== undefined && chain.length < MOST; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}

const MOST = 10;

function otherName({ host, certificate }: Presented): Explanation {
  const names = [
    ...(certificate?.subjectaltname ?? '').matchAll(/(?:^|, )(?:DNS|IP Address):([\w.:*-]{1,253})(?=,|$)/g),
  ];
  const shown = names.slice(0, SHOWN).map(([, name]) => name);
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  if (shown.length === 0) {
    return {
      what: `The certificate of ${host} is for another name.`,
      remedyFor: () => `Use a name that it is for, or have ${host} added to it.`,
    };
  }
  return {
    what: `The certificate of ${host} is for another name: it is for ${shown.join(', ')}${more}.`,
    remedyFor: () => `Use a name that it is for, or have ${host} added to it.`,
  };
}

const SHOWN = 3;

/** Anyone can write a certificate, so only a harmless name is shown. */
function nameIn(distinguished: Certificate | undefined): string | undefined {
  const [name] = [distinguished?.CN ?? distinguished?.O].flat();
  return name !== undefined && /^[\w .,()&*'-]{1,64}$/.test(name) ? `"${name}"` : undefined;
}

function timeText(time: number): string {
  return new Date(time)
    .toISOString()
    .replace('.000Z', 'Z')
    .replace(/\.\d{3}Z$/, 'Z');
}

/** What an alert about a certificate means that the other side sent (RFC 8446 section 6.2); `undefined` for other codes. */
export function alertSentence(code: string, host: string): string | undefined {
  if (!/^ERR_SSL_\w*ALERT_\w*(?:CERT|UNKNOWN_CA)/.test(code)) return undefined;
  return `${host} wants a certificate of the client, or does not accept the one that it got. Check certificate and private_key of the credential.`;
}
