/** Codes that mean a certificate, not a network. */
const CERTIFICATE = /CERT|SIGNATURE|ISSUER|SELF_SIGNED/;

/** What the code of a failed connection says of the other side's certificate, and what to do; `undefined`: nothing. */
export function certificateFault(code: string): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name';
  return isCertificateFault(code) ? 'its certificate is not trusted; name its CA with caFile' : undefined;
}

export function isCertificateFault(code: string): boolean {
  return CERTIFICATE.test(code);
}
