interface StateEntry {
  readonly healthy: boolean;
  readonly meaning: string;
}

/** The states of a token as `token-acquirer status` shows them. The first three have a token that has not expired. */
export const TOKEN_STATES = {
  Valid: { healthy: true, meaning: 'The current token is valid and stored, and the last token request succeeded.' },
  RenewalFailing: {
    healthy: false,
    meaning: 'The current token is valid until the time under EXPIRES IN, but the last token request failed.',
  },
  NotStored: {
    healthy: false,
    meaning: 'The current token is valid, but the store cannot be read or written, so clients may not have it.',
  },
  Pending: { healthy: false, meaning: 'There is no token yet, and no request has failed.' },
  Failing: { healthy: false, meaning: 'There is no token, and the last token request failed.' },
  Expired: { healthy: false, meaning: 'The last token has expired.' },
  Suspended: { healthy: true, meaning: 'The client app does not run, so no token is requested.' },
} as const satisfies Readonly<Record<string, StateEntry>>;

export type TokenState = keyof typeof TOKEN_STATES;
