import type { Redacted } from '../core/redacted.ts';

/** Who calls the reissue endpoint. */
export interface Caller {
  /** Unique; equal to the `name` in a token's `clients`. */
  readonly name: string;
  /** Distinguishes the pods of one ServiceAccount, if known; `undefined`: only the name is counted. */
  readonly instance?: string | undefined;
  /** Set where the name is in no `clients`: nobody has confirmed that the caller still exists, so it is never admitted. */
  readonly stranger?: true;
}

export interface CallerAuthenticator {
  /** Who presents this bearer; `undefined` where nobody known does. */
  authenticate(bearer: Redacted): Promise<Caller | undefined>;
}
