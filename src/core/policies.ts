import { type Instant, isPast } from './instant.ts';
import type { RequestReason } from './reasons.ts';

/** Whether a client app is running. `unknown`: nothing shows it, and work goes on. */
export type Execution = 'running' | 'stopped' | 'unknown';

/** What is known of a token when it is decided what to do next. */
export interface Observation {
  readonly now: Instant;
  /** The newest token, in memory or stored: when it is to be renewed and when it expires. */
  readonly token: { readonly renewal: Instant; readonly expiry: Instant } | undefined;
  /** Whether the configuration now asks for another token than this one (another scope, another server, …). */
  readonly superseded: boolean;
  /** Whether the credential is another one than that of this token, which is to be replaced then. */
  readonly credentialChanged: boolean;
  /** Whether the token is being written to the store. */
  readonly storing: boolean;
  /** Whether a token is being requested. */
  readonly requesting: boolean;
  /** Whether it needs a refresh token that only the leader uses, and this process cannot know that it still leads. */
  readonly isCutOff: boolean;
  readonly execution: Execution;
  /** Whether an allowed client called within the last minute: then it runs, whatever `execution` says. */
  readonly called: boolean;
  /** No token request before this moment of the monotonic clock. */
  readonly notBefore: number;
}

/** Why a token is wanted. */
export interface Verdict {
  readonly reason: Exclude<RequestReason, 'TokenRejected'>;
  /** A sentence. */
  readonly because: string;
}

/** Named for its violation; `undefined` where it is kept. */
export type Policy = (observation: Observation) => Verdict | undefined;

const tokenDoesNotExist: Policy = ({ token }) =>
  token === undefined ? { reason: 'TokenDoesNotExist', because: 'There is no token yet.' } : undefined;

const tokenExpired: Policy = ({ token, now }) =>
  token !== undefined && isPast(token.expiry, now)
    ? { reason: 'TokenExpired', because: 'The token has expired.' }
    : undefined;

const credentialChanged: Policy = ({ credentialChanged: changed }) =>
  changed
    ? { reason: 'CredentialChanged', because: 'The token was obtained with another credential than the current one.' }
    : undefined;

const tokenSuperseded: Policy = ({ superseded }) =>
  superseded
    ? { reason: 'TokenSuperseded', because: 'The configuration asks for another token than the stored one.' }
    : undefined;

const renewalDue: Policy = ({ token, now }) =>
  token !== undefined && isPast(token.renewal, now)
    ? { reason: 'RenewalDue', because: 'The token is due for renewal.' }
    : undefined;

/** In this order, so that the most urgent reason is the one that is reported. */
const POLICIES: readonly Policy[] = [tokenDoesNotExist, tokenExpired, credentialChanged, tokenSuperseded, renewalDue];

export function firstViolation(observation: Observation): Verdict | undefined {
  for (const policy of POLICIES) {
    const verdict = policy(observation);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}
