/** Why a text is not a bundle of certificates, and where. The message goes on from "The file X ", without a full stop. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
}

interface Marker {
  readonly kind: string;
  /** `CERTIFICATE`, `PRIVATE KEY` and the like. */
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

const MARKER = /-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----/g;
/** What is left of a marker that was damaged. The bound, and three dashes in place of any number, keep the time linear. */
const DAMAGED = /--- *(?:BEGIN|END)|(?:BEGIN|END) [A-Z0-9 ]{0,40}CERTIFICATE|^-----[A-Z]/m;
/** The second one is OpenSSL's old name for the first. */
const CERTIFICATES: readonly string[] = ['CERTIFICATE', 'X509 CERTIFICATE'];

/**
 * Returns all certificates of a PEM text, each as `canonical` gives it back, which throws for what is not a certificate.
 * Remarks between them are left out. Throws BundleError for a text that is not readable to its end: TLS libraries stop
 * reading at the first damaged certificate and do not report it.
 */
export function readBundle(text: string, canonical: (pem: string) => string): string {
  const markers = [...text.matchAll(MARKER)].map(markerOf);
  const certificates: string[] = [];
  let readTo = 0;
  for (let index = 0; index < markers.length; index += 2) {
    const [begin, end] = markers.slice(index, index + 2) as [Marker, Marker?];
    // Only a message needs the line, which takes a look at the whole text.
    const line = (): number => lineOf(text, begin.start);
    rejectRemainder(text, readTo, begin.start);
    if (begin.kind === 'END') throw new BundleError(`has the end of a block in line ${line()}, but not its beginning`);
    rejectForeign(begin.label, line);
    const which = (): string => `certificate ${certificates.length + 1}, which begins in line ${line()},`;
    if (end?.kind !== 'END' || end.label !== begin.label) throw new BundleError(`breaks off: ${which()} has no end`);
    const body = text.slice(begin.end, end.start);
    certificates.push(certificateIn(body, which, canonical));
    readTo = end.end;
  }
  rejectRemainder(text, readTo, text.length);
  if (certificates.length === 0) throw new BundleError('holds no certificate in PEM');
  return certificates.join('');
}

function markerOf({ 0: whole, 1: kind = '', 2: label = '', index: start }: RegExpExecArray): Marker {
  return { kind, label, start, end: start + whole.length };
}

function rejectForeign(label: string, line: () => number): void {
  if (CERTIFICATES.includes(label)) return;
  const only = 'Remove that block: a CA file holds certificates only';
  if (label.endsWith('PRIVATE KEY')) throw new BundleError(`holds a private key in line ${line()}. ${only}`);
  throw new BundleError(`holds a block "${label}" in line ${line()}. ${only}`);
}

function rejectRemainder(text: string, from: number, to: number): void {
  const { index } = DAMAGED.exec(text.slice(from, to)) ?? {};
  if (index !== undefined) throw new BundleError(`has a damaged line ${lineOf(text, from + index)}`);
}

function certificateIn(body: string, which: () => string, canonical: (pem: string) => string): string {
  const lines = body.split(/\s+/).filter((line) => line !== '');
  try {
    return canonical(`-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`);
  } catch {
    throw new BundleError(`is damaged: ${which()} cannot be read`);
  }
}

/** Counted from 1. */
function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}
