import { readFileSync } from 'node:fs';
import { systemCode, TokenRequestError } from '../../core/errors.ts';

/**
 * The certificates of a private CA. Read for each request, so that a rotated bundle needs no restart. Throws
 * TokenRequestError: `unreachable`, because without it no connection can be trusted, and because it may yet be mounted.
 */
export function readCaFile(path: string): string {
  const fault = (what: string): TokenRequestError =>
    new TokenRequestError('unreachable', `The caFile ${path} ${what}.`, { progress: 'not-sent' });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fault(`cannot be read (${systemCode(error) ?? 'unknown'})`);
  }
  // OpenSSL takes any text for an empty list of certificates, and then trusts nobody without saying why.
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw fault('holds no certificate in PEM');
  return text;
}
