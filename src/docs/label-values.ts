import type {
  AuditEvent,
  CallForwarded,
  EvidenceSource,
  RefusalStatus,
  ReissueResult,
  TokenEvent,
} from '../core/events.ts';

interface LabelValues {
  readonly metric: string;
  readonly label: string;
  readonly values: Readonly<Record<string, string>>;
}

type ReadResult = (AuditEvent & { readonly kind: 'token-read' })['result'];

type Revocation = (TokenEvent & { readonly kind: 'revocation-failed' })['result'];

const RENEWALS = {
  renewed: 'The authorization server issued a token.',
  failed: 'The token request failed.',
} as const;

const OUTCOMES: Readonly<Record<ReissueResult, string>> = {
  reissued: 'This call started a token request, and a new token was issued.',
  coalesced: 'The call got the token of a request that was already under way.',
  newer: 'The current token is valid and is not the rejected one, so nothing was requested.',
  paused: 'The last new token was rejected soon after its issue, so reissues pause.',
  rate_limited: 'The caller had started too many token requests within a minute.',
  failed: 'The token request failed, or a pause after a failure had not ended.',
  store_unavailable: 'The new token could not be stored, and the answer may not carry it.',
  stopping: 'token-acquirer was stopping, or the token had left the configuration.',
  leader_unavailable: 'Only the leader may request this token, and it did not answer.',
};

const REISSUES: Readonly<Record<ReissueResult | 'test', string>> = {
  ...OUTCOMES,
  test: 'The call came from `helm test`, whatever its result.',
};

const SOURCES: Readonly<Record<EvidenceSource['by'], string>> = {
  log: 'A line of the log of the client app.',
  gateway: 'A call of one of `evidence.reporters`.',
};

const LINES = {
  read: 'The line was read, whatever it says.',
  matched: 'The line reports a rejected token.',
  dropped: 'The line, or a gap in the log, was passed over because too many lines came.',
} as const;

const FORWARDED_TO: Readonly<Record<CallForwarded['to'], string>> = {
  leader: 'The replica that holds the Lease.',
  shard: 'A replica of the shard that owns the token.',
};

const FORWARDED: Readonly<Record<CallForwarded['result'], string>> = {
  answered: 'The other replica answered.',
  unanswered: 'The other replica did not answer, so this one did.',
};

const READS: Readonly<Record<ReadResult, string>> = {
  given: 'The answer carried the token.',
  unavailable: 'There was no valid token.',
};

const REFUSALS: Readonly<Record<RefusalStatus, string>> = {
  400: 'The body is malformed.',
  401: "The caller's token is missing, expired, or not for this endpoint.",
  403: 'The caller is not among the clients of the token, or the token does not exist.',
  413: 'The body is longer than 4 KiB.',
  415: 'The body is not JSON.',
  503: 'The API server could not confirm the caller.',
};

const LOADS = {
  loaded: 'The configuration file was loaded.',
  refused: 'The configuration file is invalid, so the previous one stays in force.',
} as const;

const REVOCATIONS: Readonly<Record<Revocation | 'revoked', string>> = {
  revoked: 'The authorization server revoked the token.',
  failed: 'The request failed. A rejected one is sent up to five times.',
  unsupported: 'The authorization server names no revocation endpoint.',
};

/** The values of labels, apart from names that the configuration chooses. A value that is missing does not compile. */
export const LABEL_VALUES: readonly LabelValues[] = [
  { metric: 'token_acquirer_renewals_total', label: 'outcome', values: RENEWALS },
  { metric: 'token_acquirer_reissues_total', label: 'outcome', values: REISSUES },
  { metric: 'token_acquirer_evidence_total', label: 'source', values: SOURCES },
  { metric: 'token_acquirer_evidence_total', label: 'outcome', values: OUTCOMES },
  { metric: 'token_acquirer_evidence_lines_total', label: 'result', values: LINES },
  { metric: 'token_acquirer_token_reads_total', label: 'outcome', values: READS },
  { metric: 'token_acquirer_forwarded_calls_total', label: 'to', values: FORWARDED_TO },
  { metric: 'token_acquirer_forwarded_calls_total', label: 'outcome', values: FORWARDED },
  { metric: 'token_acquirer_revocations_total', label: 'outcome', values: REVOCATIONS },
  { metric: 'token_acquirer_refused_calls_total', label: 'status', values: REFUSALS },
  { metric: 'token_acquirer_configuration_loads_total', label: 'outcome', values: LOADS },
];
