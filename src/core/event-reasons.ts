import type { ConditionReason, PROCESS_CONDITIONS } from './reasons.ts';

interface EventEntry {
  readonly type: 'Normal' | 'Warning';
  readonly meaning: string;
}

/** The reasons of Kubernetes events about a token, with their type and one sentence each. */
export const TOKEN_EVENT_REASONS = {
  TokenReady: { type: 'Normal', meaning: 'The first token was obtained, or a valid one after the last had expired.' },
  TokenRenewed: { type: 'Normal', meaning: 'Token requests succeed again after a failure.' },
  RenewalFailed: { type: 'Warning', meaning: 'A scheduled token request failed; the message names the error.' },
  SameToken: { type: 'Warning', meaning: 'The authorization server returned the token that is already held.' },
  TokenExpired: { type: 'Warning', meaning: 'The token expired before a new one was obtained.' },
  TokenStored: { type: 'Normal', meaning: 'The token is stored again after a failure.' },
  StoreFailed: { type: 'Warning', meaning: 'The token store cannot be read or written.' },
  StoredTokenUnreadable: { type: 'Warning', meaning: 'The stored token does not parse, so it is treated as missing.' },
  TokenRepaired: { type: 'Warning', meaning: 'Someone else changed the stored token, so it was written again.' },
  TokenWithdrawn: {
    type: 'Normal',
    meaning: 'The keys of an expired token were removed while the client app is stopped.',
  },
  Suspended: { type: 'Normal', meaning: 'The client app stopped, so no token is requested.' },
  Resumed: { type: 'Normal', meaning: 'The client app runs again, so tokens are requested again.' },
  ExecutionStateUnknown: { type: 'Warning', meaning: 'token-acquirer cannot observe whether the client app runs.' },
  CredentialUnusable: {
    type: 'Warning',
    meaning: 'The credential, or a key that is needed in it, is missing or unusable.',
  },
  CredentialExpiryUnreadable: {
    type: 'Warning',
    meaning: 'The `expires_at` of the credential is no date or time.',
  },
  NextSecretInUse: {
    type: 'Warning',
    meaning: 'The authorization server rejected `client_secret` and accepted `client_secret_next`.',
  },
  CaUnusable: { type: 'Warning', meaning: "The authorization server's CA file is missing, damaged or expired." },
  ServerUnreachable: { type: 'Warning', meaning: 'The authorization server of a suspended token cannot be reached.' },
  PodsNotSelected: {
    type: 'Warning',
    meaning: 'Pods use the token Secret, but `clientApp.selector` matches none of them.',
  },
  PodsLeftBehind: { type: 'Warning', meaning: 'Pods use the Secret in a way that never shows a new token.' },
  VolumeFollowsLate: {
    type: 'Warning',
    meaning: 'The mounted volume may get the next token after the current one expires.',
  },
  RevocationFailed: { type: 'Warning', meaning: 'A token could not be revoked (`revokePrevious`, `revokeOnDelete`).' },
  ReplacedTokenRevoked: { type: 'Normal', meaning: 'Replaced tokens can be revoked again.' },
  LifetimeNotStated: { type: 'Warning', meaning: 'The authorization server sent no usable lifetime.' },
  IntervalInvalid: { type: 'Warning', meaning: 'The `interval` of the credential is not a duration.' },
  IntervalShort: { type: 'Warning', meaning: 'The `interval` of the credential is suspiciously short.' },
  ClockDisagrees: { type: 'Warning', meaning: 'The clock differs from that of the authorization server.' },
  EvidenceNotFollowed: { type: 'Warning', meaning: 'The log of the client app cannot be followed (`evidence.log`).' },
  CallerNotInClients: { type: 'Warning', meaning: 'A ServiceAccount asked for the token but is not in `clients`.' },
  CycleFailed: {
    type: 'Warning',
    meaning: 'A defect of token-acquirer stopped one pass of the renewal loop; it goes on.',
  },
  Reissued: { type: 'Normal', meaning: 'Reissues succeed again after a failure.' },
  ReissueFailed: { type: 'Warning', meaning: 'The token request for a reissue failed; the message names the error.' },
  ReissuePaused: { type: 'Warning', meaning: 'The gateway rejects new tokens, too, so reissues pause.' },
  ReissueNotStored: { type: 'Warning', meaning: 'A reissued token could not be stored.' },
} as const satisfies Readonly<Record<string, EventEntry>>;

export type TokenEventReason = keyof typeof TOKEN_EVENT_REASONS;

/** An event about the whole process has the reason of its condition: Warning if that is False, else Normal. */
export type EventReason = TokenEventReason | ConditionReason<keyof typeof PROCESS_CONDITIONS>;
