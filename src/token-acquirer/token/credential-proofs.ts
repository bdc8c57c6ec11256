import { createHmac, randomBytes } from 'node:crypto';
import type { Credential, CredentialKey } from '../../core/credential.ts';
import { StoreError, UsageError } from '../../core/errors.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { TokenSpecification } from './specification.ts';

/** A credential, and the keys of it that a token request sends. */
type Needs = Pick<TokenSpecification, 'credential' | 'neededKeys'>;

/**
 * Identifies the values with which tokens are requested, so that a change of them is noticed. Only the needed keys count: an
 * `interval`, or a key that a later change prepares, says nothing about the tokens. Tokens that share a credential share
 * its reads.
 */
export class CredentialProofs {
  readonly #credentials: Pick<CredentialSource, 'read'>;
  // Only valid in this process, so that a proof would not help anyone who guesses passwords.
  readonly #key = randomBytes(32);
  /** By credential, then by the needed keys. */
  readonly #known = new Map<string, Map<string, Promise<string | undefined>>>();

  constructor(credentials: Pick<CredentialSource, 'read'>) {
    this.#credentials = credentials;
  }

  of({ values }: Credential, neededKeys: readonly CredentialKey[]): string {
    const sent = neededKeys.map((key) => [key, values[key]?.reveal() ?? null]);
    return createHmac('sha256', this.#key).update(JSON.stringify(sent)).digest('hex');
  }

  /** Returns the proof of the current values; `undefined` while they cannot be read. */
  async current({ credential, neededKeys }: Needs): Promise<string | undefined> {
    const ofCredential = this.#known.get(credential) ?? new Map<string, Promise<string | undefined>>();
    this.#known.set(credential, ofCredential);
    const need = neededKeys.join(' ');
    const reading = ofCredential.get(need) ?? this.#read({ credential, neededKeys });
    ofCredential.set(need, reading);
    const proof = await reading;
    if (proof === undefined && ofCredential.get(need) === reading) ofCredential.delete(need);
    return proof;
  }

  /** The credential has changed. */
  changed(credential: string): void {
    this.#known.delete(credential);
  }

  /** The configuration has changed. */
  forget(): void {
    this.#known.clear();
  }

  async #read({ credential, neededKeys }: Needs): Promise<string | undefined> {
    try {
      return this.of(await this.#credentials.read(credential, neededKeys), neededKeys);
    } catch (error) {
      // A credential that is incomplete, perhaps because it is being written, is no other credential.
      if (error instanceof UsageError || error instanceof StoreError) return undefined;
      throw error;
    }
  }
}
