import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BundleError, readBundle } from '../../core/certificate-bundle.ts';
import { systemCode } from '../../core/errors.ts';
import type { EpochMs } from '../../core/token.ts';
import { mayPass } from '../fs/file-faults.ts';

/** A CA file that cannot be used. The message goes on from "The CA file X ", without a full stop. */
export class CaFileError extends Error {
  override readonly name = 'CaFileError';
  /** Whether it is missing, and may yet be mounted. */
  readonly isMissing: boolean;
  /** Whether the error may pass without anyone acting, as too many open files do. */
  readonly mayPass: boolean;

  constructor(message: string, { isMissing = false, mayPass: passing = false } = {}) {
    super(message);
    this.isMissing = isMissing;
    this.mayPass = passing;
  }
}

interface Bundle {
  readonly certificates: string;
  /** When the last of its certificates expires. */
  readonly expiresAt: EpochMs;
}

/**
 * Returns a function that reads the certificates of a CA file, all of them or none. The file is read at each call, so
 * that a new bundle needs no restart, and parsed when its text has changed. The function throws CaFileError.
 */
export function openCaFile(path: string): () => string {
  const read = openBundle(path);
  return () => read().certificates;
}

/**
 * Returns a function that looks for what is wrong with a CA file at a time; `undefined` where it can be used. A bundle may
 * hold certificates that have expired, as long as one has not.
 */
export function inspectCaFile(path: string): (now: EpochMs) => CaFileError | undefined {
  const read = openBundle(path);
  return (now) => {
    try {
      const { expiresAt } = read();
      return expiresAt < now
        ? new CaFileError(`has no certificate that is still valid: ${expired(expiresAt)}`)
        : undefined;
    } catch (error) {
      if (error instanceof CaFileError) return error;
      throw error;
    }
  };
}

/** Returns a function that reads a PEM text, and remembers the last one. It throws CaFileError. */
export function caReader(): (text: string) => string {
  const read = bundleReader();
  return (text) => read(text).certificates;
}

function openBundle(path: string): () => Bundle {
  const read = bundleReader();
  return () => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const code = systemCode(error);
      const details = { isMissing: code === 'ENOENT', mayPass: mayPass(error) };
      throw new CaFileError(`cannot be read (${code ?? 'unknown error'})`, details);
    }
    return read(text);
  };
}

function bundleReader(): (text: string) => Bundle {
  let known: { readonly text: string; readonly bundle: Bundle } | undefined;
  return (text) => {
    if (known?.text !== text) known = { text, bundle: bundleIn(text) };
    return known.bundle;
  };
}

function bundleIn(text: string): Bundle {
  let expiresAt = Number.NEGATIVE_INFINITY;
  const canonical = (pem: string): string => {
    const certificate = new X509Certificate(pem);
    // Node 20 has no `validToDate`.
    const validTo = Date.parse(certificate.validTo);
    expiresAt = Math.max(expiresAt, Number.isNaN(validTo) ? Number.POSITIVE_INFINITY : validTo);
    return certificate.toString();
  };
  try {
    return { certificates: readBundle(text, canonical), expiresAt };
  } catch (error) {
    if (error instanceof BundleError) throw new CaFileError(error.message);
    throw error;
  }
}

function expired(at: EpochMs): string {
  return `the last one expired at ${new Date(at).toISOString()}`;
}
