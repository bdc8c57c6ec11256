import type { CredentialEnd, CredentialExpiry } from '../../core/credential-expiry.ts';
import { StoreError } from '../../core/errors.ts';
import type { EpochMs } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import { CredentialLooks } from './credential-looks.ts';
import type { TokenStatus } from './token-status.ts';

/** When the credentials end, for the metrics. A wrong `expires_at` is reported, and has no other effect. */
export class CredentialExpiries {
  readonly #looks: CredentialLooks<CredentialExpiry>;
  /** What was read last, by credential. */
  readonly #known = new Map<string, EpochMs>();

  constructor({
    credentials,
    clock,
  }: {
    readonly credentials: Pick<CredentialSource, 'expiry'>;
    readonly clock: Pick<Clock, 'monotonic'>;
  }) {
    this.#looks = new CredentialLooks(clock, (credential) => credentials.expiry(credential));
  }

  /** Reads it again where that is due, and reports a wrong `expires_at` of the credential of a token. */
  async follow(credential: string, status: TokenStatus): Promise<void> {
    try {
      const { at, fault } = await this.#looks.of(credential);
      if (at === undefined) this.#known.delete(credential);
      else this.#known.set(credential, at);
      report(fault, status);
    } catch (error) {
      // The volume cannot be read at the moment; what was known stays until it can.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Returns the known ends of these credentials, each once. */
  of(credentials: Iterable<string>): readonly CredentialEnd[] {
    return [...new Set(credentials)].flatMap((credential) => {
      const at = this.#known.get(credential);
      return at === undefined ? [] : [{ credential, at }];
    });
  }

  /** The credential has changed. */
  changed(credential: string): void {
    this.#looks.changed(credential);
  }

  /** The configuration has changed. */
  forget(): void {
    this.#looks.forget();
    this.#known.clear();
  }
}

function report(fault: string | undefined, status: TokenStatus): void {
  if (fault === undefined) {
    // Most credentials say nothing of their end: nothing is said of what was never wrong.
    if (status.get('CredentialExpiryKnown') !== undefined) status.set('CredentialExpiryKnown', true, 'ExpiryRead', '');
    return;
  }
  const changed = status.set('CredentialExpiryKnown', false, 'ExpiryUnreadable', fault);
  if (changed) status.emit({ kind: 'credential-expiry-unreadable', message: fault });
}
