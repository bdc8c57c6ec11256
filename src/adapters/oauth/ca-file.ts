import { readFileSync } from 'node:fs';
import { systemCode } from '../../core/errors.ts';
import { OutboundError } from '../http/outbound-error.ts';

/**
 * The certificates of a private CA. Read for each request, so that a rotated bundle needs no restart. Throws
 * OutboundError `unreachable`: without it no connection can be trusted, and it may yet be mounted.
 */
export function readCaFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fault(path, `cannot be read (${systemCode(error) ?? 'unknown'})`);
  }
  // OpenSSL takes any text for an empty list of certificates, and then trusts nobody without saying why.
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw fault(path, 'holds no certificate in PEM');
  return text;
}

function fault(path: string, what: string): OutboundError {
  return new OutboundError('unreachable', `Its caFile ${path} ${what}.`, 'not-sent');
}
