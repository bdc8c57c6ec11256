import { Gauge, type Registry } from '@prometheus-io/client';
import type { CredentialEnd } from '../../core/credential-expiry.ts';

/** When credentials end as metrics, set when they are scraped. */
export interface CredentialMetrics {
  set(ends: Iterable<CredentialEnd>): void;
}

/** One series for each credential: thousands of tokens may share one. */
export function createCredentialMetrics(registers: Registry[]): CredentialMetrics {
  const expiration = new Gauge({
    name: 'token_acquirer_credential_expiration_timestamp_seconds',
    help: 'End of a credential as Unix time: the earlier one of its `expires_at` and of its `certificate`. Only the process that works on its tokens has this series.',
    labelNames: ['credential'],
    registers,
  });
  return {
    set(ends) {
      expiration.reset();
      for (const { credential, at } of ends) expiration.set({ credential }, at / 1000);
    },
  };
}
