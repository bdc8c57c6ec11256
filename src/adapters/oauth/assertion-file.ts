import { StoreError, TokenRequestError, UsageError } from '../../core/errors.ts';
import { isJwt, timeInJwt } from '../../core/jwt-times.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import { readValueFile } from '../fs/value-file.ts';
import { unusableCredential } from './credential-values.ts';

/** By how much the clock of the issuer may differ. */
const CLOCKS_APART: Ms = 60_000;
/** What a form can carry of a token: RFC 6749 appendix A.12 without the space. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** A file with a token of somebody else, and the key of the configuration that names it. */
export interface AssertionFile {
  readonly path: string;
  readonly setting: string;
  /** Whether any token will do, such as an opaque access token. */
  readonly isOpaque?: boolean;
}

/**
 * Reads the token that a third party issued to this process, such as a projected ServiceAccount token. It is read for each
 * request, because the kubelet replaces it long before it expires. Throws TokenRequestError `credential_unreadable`, or
 * `credential_unavailable` for an error that may pass: an expired token may be replaced at any time.
 * Never quotes the file.
 */
export function readAssertion({ path, setting, isOpaque = false }: AssertionFile, now: EpochMs): string {
  const text = readFile(path);
  if (text === undefined) {
    throw unusableCredential(
      `The ${setting} ${path} does not exist. Mount a ServiceAccount token or another JWT there, for the audience that the authorization server trusts.`,
    );
  }
  if (!isOpaque && !isJwt(text)) throw unusableCredential(`The ${setting} ${path} holds no JWT.`);
  if (!VISIBLE.test(text))
    throw unusableCredential(`The ${setting} ${path} holds no token: it is empty, or has spaces.`);
  const expiry = timeInJwt(text, 'exp');
  if (expiry !== undefined && expiry + CLOCKS_APART <= now) throw new ExpiredAssertion(setting, path, expiry);
  return text;
}

/** The file may hold another token soon, but until then no request can succeed. */
export class ExpiredAssertion extends TokenRequestError {
  constructor(setting: string, path: string, expiry: EpochMs) {
    const message = `The token in the ${setting} ${path} expired at ${new Date(expiry).toISOString()}. Find out why nothing replaces the file, or whether the clock is wrong.`;
    super('credential_unavailable', message, { progress: 'not-sent' });
  }
}

function readFile(path: string): string | undefined {
  try {
    return readValueFile(path);
  } catch (error) {
    if (error instanceof UsageError) throw unusableCredential(error.message, error);
    if (error instanceof StoreError)
      throw new TokenRequestError('credential_unavailable', error.message, { progress: 'not-sent', cause: error });
    throw error;
  }
}
