import type { Credential } from './credential.ts';

export type SecretKey = 'client_secret' | 'client_secret_next';

/** What is known of the two secrets of a credential: which one to send, and whether the other may be tried. */
export interface SecretOrder {
  /** Of the values of the credential. With other values, nothing is known. */
  readonly fingerprint: string;
  readonly preferred: SecretKey;
  /** Whether there is a second secret, and it is not the first one again. */
  readonly hasOther: boolean;
  /**
   * Whether a rejection may lead to another attempt. Two rejected secrets are sent as often as one would be, until the
   * credential changes or a request succeeds, so that no account is locked.
   */
  readonly mayTryOther: boolean;
}

/** Returns what is known, or the order in which nothing has been tried. */
export function orderFor({ fingerprint, values }: Credential, known: SecretOrder | undefined): SecretOrder {
  if (known?.fingerprint === fingerprint) return known;
  const next = values.client_secret_next?.reveal();
  const hasOther = next !== undefined && next !== '' && next !== values.client_secret?.reveal();
  return { fingerprint, preferred: 'client_secret', hasOther, mayTryOther: hasOther };
}

export function otherThan(key: SecretKey): SecretKey {
  return key === 'client_secret' ? 'client_secret_next' : 'client_secret';
}

/** The server accepted this secret: it is sent first from now on. */
export function accepted(order: SecretOrder, key: SecretKey): SecretOrder {
  return { ...order, preferred: key, mayTryOther: order.hasOther };
}

/** The server rejected both. */
export function rejected(order: SecretOrder): SecretOrder {
  return { ...order, mayTryOther: false };
}

/** Returns the credential as if its second secret were its only one; `undefined` where it has no other second secret. */
export function onlyNext(credential: Credential): Credential | undefined {
  const { client_secret_next: next, ...others } = credential.values;
  if (next === undefined || !orderFor(credential, undefined).hasOther) return undefined;
  return { ...credential, values: { ...others, client_secret: next }, fingerprint: `${credential.fingerprint} next` };
}

/** Returns the credential with this secret as the one to send. */
export function withSecret(credential: Credential, key: SecretKey): Credential {
  const { [key]: secret } = credential.values;
  if (key === 'client_secret' || secret === undefined) return credential;
  return { ...credential, values: { ...credential.values, client_secret: secret } };
}
