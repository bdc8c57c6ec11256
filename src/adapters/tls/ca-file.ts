import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BundleError, readBundle } from '../../core/certificate-bundle.ts';
import { systemCode } from '../../core/errors.ts';

/** A CA file that cannot be used. The message goes on from "The CA file X ", without a full stop. */
export class CaFileError extends Error {
  override readonly name = 'CaFileError';
  /** Whether it is missing, and may yet be mounted. */
  readonly isMissing: boolean;

  constructor(message: string, isMissing = false) {
    super(message);
    this.isMissing = isMissing;
  }
}

/**
 * Returns a function that reads the certificates of a CA file, all of them or none. The file is read at each call, so
 * that a new bundle needs no restart, and parsed when its text has changed. The function throws CaFileError.
 */
export function openCaFile(path: string): () => string {
  const certificatesIn = caReader();
  return () => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const code = systemCode(error);
      throw new CaFileError(`cannot be read (${code ?? 'unknown error'})`, code === 'ENOENT');
    }
    return certificatesIn(text);
  };
}

/** What is wrong with a CA file; `undefined` where it can be used. */
export function caFileFault(path: string): CaFileError | undefined {
  try {
    openCaFile(path)();
    return undefined;
  } catch (error) {
    if (error instanceof CaFileError) return error;
    throw error;
  }
}

/** Returns a function that reads a PEM text, and remembers the last one. It throws CaFileError. */
export function caReader(): (text: string) => string {
  let known: { readonly text: string; readonly certificates: string } | undefined;
  return (text) => {
    if (known?.text === text) return known.certificates;
    try {
      known = { text, certificates: readBundle(text, canonical) };
    } catch (error) {
      if (error instanceof BundleError) throw new CaFileError(error.message);
      throw error;
    }
    return known.certificates;
  };
}

function canonical(pem: string): string {
  return new X509Certificate(pem).toString();
}
