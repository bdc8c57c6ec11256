/** A token that a process calls with. */
export interface CalledToken {
  /** Of the client at the authorization server, and of the Secret. */
  readonly app: string;
  /** Its volume. */
  readonly directory: string;
  /** Of the token-acquirer. */
  readonly url: string;
  readonly callerTokenFile: string;
}

export interface CallerInstructions {
  readonly tokens: readonly CalledToken[];
  readonly gateway: string;
  /** Calls a second, over all tokens. */
  readonly rate: number;
}

export interface CallerAsk {
  readonly what: 'begin' | 'report' | 'end';
}

/** What the volume had when a call had failed. */
export interface StoredThen {
  /** `none`: no token that can be read. */
  readonly verdict: number | 'none' | 'unknown';
  /** How long it had been stored when the call ended, in milliseconds. */
  readonly age: number;
}

/** A call that brought no 200. Times are those of the machine's clock. */
export interface FailedCall {
  readonly app: string;
  readonly began: number;
  readonly ended: number;
  /** A status, or what was thrown. */
  readonly outcome: string;
  /** The last problem that the library reported of this token, and when. */
  readonly problem?: { readonly text: string; readonly at: number };
  readonly stored: StoredThen;
}

/** Since the last report. */
export interface CallerReport {
  readonly calls: number;
  readonly failed: readonly FailedCall[];
  readonly inFlight: number;
  /** Of the calls, in milliseconds. */
  readonly slowest: number;
  /** Of the event loop, in milliseconds. */
  readonly delay: { readonly p99: number; readonly max: number };
  /** Reads that found the two keys of a token to disagree. */
  readonly torn: readonly { readonly app: string; readonly at: number }[];
}

export const KEY = 'dynamics';
export const NAMESPACE = 'billing';
