/** Why an AccessToken is rejected, and what each reason means. */
export const REJECTION_REASONS = {
  ServiceUnknown: 'The configuration has no service of this name for this namespace.',
  ScopeNotAllowed: 'The service does not allow a scope that the AccessToken asks for.',
  IntervalNotAllowed: 'The interval is shorter than the service allows.',
  RevocationNotAllowed: 'The service does not allow `revokeOnDelete`.',
  SecretTaken: 'The Secret belongs to something else, so it is left as it is.',
  SpecInvalid: 'The AccessToken has a value that token-acquirer cannot use.',
} as const;

export type RejectionReason = keyof typeof REJECTION_REASONS;

/** The reasons of the condition `Ready` of an AccessToken, besides those of a failed token request. */
export const RESOURCE_REASONS = {
  TokenValid: 'The Secret has a valid token.',
  RenewalFailing: 'The Secret has a valid token, but the last token request failed.',
  Suspended: 'The client app does not run, so the token is not renewed.',
  Requesting: 'The token is being requested.',
  SecretUnavailable: 'The Secret cannot be made at the moment; token-acquirer tries again.',
  ...REJECTION_REASONS,
} as const;
