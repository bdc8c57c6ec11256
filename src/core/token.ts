import { createHash } from 'node:crypto';
import type { Redacted } from './redacted.ts';

/** Milliseconds since the Unix epoch. */
export type EpochMs = number;

/** Milliseconds, a length of time. */
export type Ms = number;

/** Lower-case hexadecimal SHA-256 of an access token: what is said of a token where the token may not be. */
export type Sha256 = string;

/** Names a token: `namespace/secret/name`. All three are DNS labels (RFC 1123); `name` is unique within its Secret. */
export interface TokenIdentity {
  readonly namespace: string;
  readonly secret: string;
  readonly name: string;
}

/** A Secret, or without a cluster a directory, that holds tokens of one client app. */
export type SecretReference = Pick<TokenIdentity, 'namespace' | 'secret'>;

/** An access token with all that its holders may know of it. */
export interface Token {
  readonly accessToken: Redacted;
  /** Always `Bearer` (RFC 6750); a field, because other protocols may come behind the same contract. */
  readonly tokenType: string;
  readonly scope: string;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly renewAt: EpochMs;
  /** Rises with each new token of one identity; starts at the Unix second. */
  readonly generation: number;
  readonly sha256: Sha256;
  /** Of the tokens before this one, newest first, at most three. */
  readonly previousSha256: readonly Sha256[];
}

export const PREVIOUS_HASHES = 3;
const HASH_PREFIX = 8;

export function identityText({ namespace, secret, name }: TokenIdentity): string {
  return `${namespace}/${secret}/${name}`;
}

export function sha256(accessToken: string): Sha256 {
  return createHash('sha256').update(accessToken).digest('hex');
}

/** Whether the token may still be sent at `now`. */
export function isLive(token: Pick<Token, 'expiresAt'>, now: EpochMs): boolean {
  return now < token.expiresAt;
}

/** Whether two values describe the same token, with the same times and the same tokens before it. */
export function isSameToken(one: Token, other: Token): boolean {
  if (one === other) return true;
  return (
    one.sha256 === other.sha256 &&
    one.tokenType === other.tokenType &&
    one.scope === other.scope &&
    one.issuedAt === other.issuedAt &&
    one.expiresAt === other.expiresAt &&
    one.renewAt === other.renewAt &&
    one.generation === other.generation &&
    one.previousSha256.join() === other.previousSha256.join()
  );
}

/** The first 8 digits of a hash: enough to recognize a token by, and no more. */
export function hashPrefix(hash: Sha256): string {
  return hash.slice(0, HASH_PREFIX);
}

/** The generation that follows: never lower than the Unix second, so that a deleted Secret does not set it back. */
export function nextGeneration(previous: number | undefined, now: EpochMs): number {
  return Math.max((previous ?? 0) + 1, Math.floor(now / 1000));
}

/** The hashes that a successor of `current` carries. */
export function hashesBefore(current: Token | undefined): readonly Sha256[] {
  return current === undefined ? [] : [current.sha256, ...current.previousSha256].slice(0, PREVIOUS_HASHES);
}
