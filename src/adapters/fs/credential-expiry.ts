import { X509Certificate } from 'node:crypto';
import { EXPIRY_KEY } from '../../core/credential.ts';
import { type CredentialExpiry, EXPIRY_FORM, firstEnd, parseExpiry } from '../../core/credential-expiry.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { EpochMs } from '../../core/token.ts';
import { pathOf, readFolder } from './credential-folder.ts';

/**
 * Reads when a credential ends: the earlier one of its `expires_at` and the end of its `certificate`. Problems of other files are
 * left to those who read them. Throws StoreError for what may pass.
 */
export function readExpiry(root: string, credential: string): CredentialExpiry {
  // A folder that cannot be read is a problem of the whole credential.
  if (unlessUnusable(() => readFolder(root, credential, [])) === undefined) return { at: undefined, fault: undefined };
  const { at, fault } = readStated(root, credential);
  return { at: firstEnd([at, readCertificateEnd(root, credential)]), fault };
}

function readStated(root: string, credential: string): CredentialExpiry {
  try {
    const text = readKey(root, credential, EXPIRY_KEY);
    const at = text === undefined ? undefined : parseExpiry(text);
    if (text === undefined || at !== undefined) return { at, fault: undefined };
    const path = pathOf(root, credential, EXPIRY_KEY);
    const fault = `The file ${path} holds no time. Write ${EXPIRY_FORM} into it, or remove it.`;
    return { at: undefined, fault };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { at: undefined, fault: messageOf(error) };
  }
}

function readCertificateEnd(root: string, credential: string): EpochMs | undefined {
  const pem = unlessUnusable(() => readKey(root, credential, 'certificate'));
  if (pem === undefined) return undefined;
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return undefined;
  }
}

function readKey(root: string, credential: string, key: string): string | undefined {
  return readFolder(root, credential, [key])?.values.get(key);
}

function unlessUnusable<Value>(look: () => Value): Value | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
