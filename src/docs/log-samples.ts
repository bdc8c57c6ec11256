import type { AuditEvent, CallFacts, ProcessEvent, TokenEvent, TokenFacts } from '../core/events.ts';
import type { Decision } from '../core/reconcile.ts';
import type { RevocationDecision } from '../core/revocation.ts';
import type { StorageDecision } from '../core/storage.ts';
import type { TokenIdentity } from '../core/token.ts';
import type { TraceContext } from '../core/trace-context.ts';

/** An event of each kind, with a sentence. A kind that is missing here does not compile. */
type Samples<Event extends { readonly kind: string }> = {
  readonly [Kind in Event['kind']]: { readonly meaning: string; readonly event: Event & { readonly kind: Kind } };
};

export const SAMPLE_TOKEN: TokenIdentity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };

const token: TokenFacts = {
  generation: 3,
  sha256: '3f2a91bc'.padEnd(64, '0'),
  issuedAt: 0,
  expiresAt: 300_000,
  renewAt: 200_000,
};
const message = 'A sentence.';
const trace: TraceContext = { traceId: '4bf92f3577b34da6'.padEnd(32, '0'), spanId: '00f067aa0ba902b7', flags: '01' };
const request = { server: 'corporate', trigger: 'renewal', took: 85, trace } as const;

export const TOKEN_SAMPLES: Samples<TokenEvent> = {
  'token-adopted': { event: { kind: 'token-adopted', token }, meaning: 'A stored token was loaded at the start.' },
  'token-issued': {
    event: { kind: 'token-issued', token, ...request, reason: 'RenewalDue' },
    meaning: 'The authorization server issued a token.',
  },
  'token-request-failed': {
    event: { kind: 'token-request-failed', code: 'server_error', message, retryIn: 1500, ...request },
    meaning: 'A token request failed. The field `code` is explained in [errors](errors.md).',
  },
  'token-stored': { event: { kind: 'token-stored', token, trace }, meaning: 'The token was written to the store.' },
  'token-repaired': {
    event: { kind: 'token-repaired', token, message },
    meaning: 'Someone else had changed the stored token, so it was written again.',
  },
  'token-withdrawn': {
    event: { kind: 'token-withdrawn', message },
    meaning: 'The keys of an expired token were removed while the client app is stopped.',
  },
  'token-rescheduled': {
    event: { kind: 'token-rescheduled', token, message },
    meaning: 'The renewal of the current token moved, because the interval changed.',
  },
  'store-failed': {
    event: { kind: 'store-failed', message, trace },
    meaning: 'The token store cannot be read or written.',
  },
  'stored-token-unreadable': {
    event: { kind: 'stored-token-unreadable', message },
    meaning: 'The stored token does not parse, so it is treated as missing.',
  },
  suspended: { event: { kind: 'suspended', message }, meaning: 'The client app stopped, so no token is requested.' },
  resumed: { event: { kind: 'resumed', message }, meaning: 'The client app runs again.' },
  'execution-state-unknown': {
    event: { kind: 'execution-state-unknown', message },
    meaning: 'The client app cannot be observed, so its token is requested anyway.',
  },
  'credential-unusable': {
    event: { kind: 'credential-unusable', message },
    meaning: 'The credential, or a key that is needed in it, is missing or unusable.',
  },
  'credential-expiry-unreadable': {
    event: { kind: 'credential-expiry-unreadable', message },
    meaning: 'The `expires_at` of the credential is no date or time.',
  },
  'next-secret-in-use': {
    event: { kind: 'next-secret-in-use', message },
    meaning: 'The authorization server rejected `client_secret` and accepted `client_secret_next`.',
  },
  'ca-unusable': {
    event: { kind: 'ca-unusable', message },
    meaning: "The authorization server's CA file is missing, damaged or expired.",
  },
  'server-unreachable': {
    event: { kind: 'server-unreachable', message },
    meaning: 'The authorization server of a suspended token cannot be reached.',
  },
  'volume-seen': {
    event: { kind: 'volume-seen', generation: 3, lag: 42_000 },
    meaning: 'A client reported when a new token came into its mounted volume.',
  },
  'pods-left-behind': {
    event: { kind: 'pods-left-behind', message },
    meaning: 'Pods use the Secret in a way that never shows a new token.',
  },
  'pods-not-selected': {
    event: { kind: 'pods-not-selected', message },
    meaning: 'Pods use the token Secret, but `clientApp.selector` matches none of them.',
  },
  'volume-follows-late': {
    event: { kind: 'volume-follows-late', message },
    meaning: 'The mounted volume may get the next token after the current one expires.',
  },
  'lifetime-not-stated': {
    event: { kind: 'lifetime-not-stated', message },
    meaning: 'The authorization server sent no usable lifetime.',
  },
  'token-revoked': {
    event: { kind: 'token-revoked', server: 'corporate' },
    meaning: 'The authorization server revoked a token (`revokePrevious`, `revokeOnDelete`).',
  },
  'revocation-failed': {
    event: { kind: 'revocation-failed', server: 'corporate', result: 'failed', message },
    meaning:
      'A token could not be revoked. With the result `unsupported` the authorization server has no way to do it.',
  },
  'interval-invalid': {
    event: { kind: 'interval-invalid', message },
    meaning: 'The `interval` of the credential is not a duration.',
  },
  'interval-short': {
    event: { kind: 'interval-short', message },
    meaning: 'The `interval` of the credential is suspiciously short.',
  },
  'clock-disagrees': {
    event: { kind: 'clock-disagrees', message },
    meaning: 'The clock differs from that of the authorization server.',
  },
  'evidence-not-followed': {
    event: { kind: 'evidence-not-followed', message },
    meaning: 'The log of the client app cannot be followed (`evidence.log`).',
  },
  'caller-unknown': {
    event: { kind: 'caller-unknown', message, calls: 2 },
    meaning: 'A ServiceAccount asked for the token but is not in `clients`.',
  },
  'cycle-failed': {
    event: { kind: 'cycle-failed', message },
    meaning: 'A defect of token-acquirer stopped one pass of the renewal loop; it goes on.',
  },
};

const condition = { condition: 'StateStored', message, secret: undefined } as const;

export const PROCESS_SAMPLES: Samples<Exclude<ProcessEvent, AuditEvent>> = {
  'configuration-loaded': {
    event: { kind: 'configuration-loaded', tokens: 2, file: 'config.yaml' },
    meaning: 'The configuration file was loaded.',
  },
  'configuration-refused': {
    event: { kind: 'configuration-refused', message },
    meaning: 'The configuration file is invalid, so the previous one stays in force.',
  },
  listening: {
    event: { kind: 'listening', endpoint: 'reissue', url: 'https://127.0.0.1:8443' },
    meaning: 'An endpoint (`reissue`, `status` or `probes`) accepts connections.',
  },
  'process-unhealthy': {
    event: { kind: 'process-unhealthy', reason: 'StateUnavailable', ...condition },
    meaning: 'A condition of the process became False; repeated each hour.',
  },
  'process-recovered': {
    event: { kind: 'process-recovered', reason: 'Readable', ...condition },
    meaning: 'A condition of the process is True again.',
  },
  'credential-checked': {
    event: { kind: 'credential-checked', credential: 'dynamics', token: 'dynamics', result: 'accepted', message },
    meaning: 'Somebody ran `token-acquirer credentials check`.',
  },
  warning: { event: { kind: 'warning', message }, meaning: 'Something needs attention; the message states what.' },
  'authority-made': {
    event: { kind: 'authority-made', message },
    meaning: 'A new CA for the reissue endpoint was made and signs immediately.',
  },
  stopping: { event: { kind: 'stopping', message }, meaning: 'The process finishes requests in flight.' },
  stopped: { event: { kind: 'stopped' }, meaning: 'The process has finished.' },
};

const call: CallFacts = {
  id: 'b7d8c0c2',
  remote: '10.0.0.7',
  caller: 'billing/billing-app',
  pod: '0c1d2e3f',
  forwardedBy: 'token-acquirer-6f7d9-x2x4z',
  test: true,
  trace,
};
const reissue = { identity: SAMPLE_TOKEN, server: 'corporate', call, rejected: token.sha256, took: 85 } as const;

export const AUDIT_SAMPLES: Samples<AuditEvent> = {
  reissue: {
    event: { kind: 'reissue', result: 'reissued', given: true, current: true, ...reissue },
    meaning: 'A caller asked for a reissue; `result` is an [`outcome`](metrics.md#values-of-labels).',
  },
  evidence: {
    event: {
      kind: 'evidence',
      identity: SAMPLE_TOKEN,
      server: 'corporate',
      source: { by: 'log', pod: 'billing-app-1', container: 'app' },
      result: 'reissued',
      rejected: token.sha256,
      took: 85,
    },
    meaning:
      'A log line or a gateway reported the current token as rejected. For `source` `gateway`, the fields of a call stand for `pod` and `container`.',
  },
  'token-read': {
    event: { kind: 'token-read', identity: SAMPLE_TOKEN, call, result: 'given' },
    meaning: 'A caller read a token with `delivery: endpoint`; `result` is `given` or `unavailable`.',
  },
  'call-forwarded': {
    event: { kind: 'call-forwarded', identity: SAMPLE_TOKEN, call, to: 'leader', result: 'answered', status: 200 },
    meaning:
      'This replica forwarded a call to another one, which audits its answer; `result` is `answered` or `unanswered`.',
  },
  'call-refused': {
    event: { kind: 'call-refused', status: 403, path: '/v1/…', call, identity: SAMPLE_TOKEN },
    meaning: 'A call was rejected with 400, 401, 403, 413, 415, or with 503 if the caller could not be checked.',
  },
};

/** The line that counts calls without their own line. */
export const REPEATED = {
  event: 'calls-repeated',
  meaning: 'Further calls of the same kind within a minute.',
} as const;

/** What a decision may be. */
export const DECISION_KINDS: Readonly<
  Record<Decision['kind'] | StorageDecision['kind'] | RevocationDecision['kind'], string>
> = {
  'request-token': 'A token is requested.',
  requeue: 'No token is requested for now.',
  suspend: 'No token is requested, because the client app does not run.',
  read: 'The stored copy is read.',
  adopt: 'The stored token becomes the current token.',
  write: 'The current token is written to the store.',
  withdraw: 'The keys of the expired token are removed from the store.',
  announce: 'The CA certificates are written to the store before the first token.',
  nothing: 'The stored copy stays as it is.',
  revoke: 'A replaced token is revoked.',
  wait: 'A replaced token is not revoked for now.',
  forget: 'A replaced token is not revoked at all.',
};

/** The fields of all lines. */
export const FIELDS: Readonly<Record<string, string>> = {
  level: '`debug`, `info`, `warn` or `error`.',
  time: 'When the line was written, as RFC 3339.',
  event: 'The name of the event, for programs.',
  message: 'A sentence for people. It never has a secret.',
  audit: '`true` in the lines of the audit.',
  token: 'The token as `namespace/secret/name`.',
  generation: 'The generation of the token, which rises with each new token.',
  sha256: 'The first 8 digits of the SHA-256 of the access token.',
  issued_at: 'When the token was issued, as RFC 3339.',
  expires_at: 'When the token expires, as RFC 3339.',
  renew_at: 'When the token is to be renewed, as RFC 3339.',
  trigger: 'What began the token request: `renewal` or `reissue`.',
  reason: 'The [reason](states-conditions-events.md#reasons-of-token-requests) of a token request, or of a condition.',
  authorization_server: 'The name of the authorization server in the configuration.',
  took_ms: 'How long the request or call took, in milliseconds.',
  code: 'The [error code](errors.md).',
  retry_in_ms: 'The pause before the next token request, in milliseconds.',
  lag_ms: 'The time from the write of the token to its arrival in the volume, in milliseconds.',
  calls: 'How many calls the line counts.',
  tokens: 'How many tokens the configuration has.',
  file: 'The configuration file.',
  endpoint: 'Which endpoint: `reissue`, `status` or `probes`.',
  url: 'Where the endpoint listens.',
  condition: 'The [condition of the process](states-conditions-events.md#conditions-of-the-process).',
  credential: 'The name of the credential.',
  result: 'How the call or check ended.',
  request_id: 'The ID of the call, which its answer has as `x-request-id`.',
  caller: 'The ServiceAccount that called, if the call proved one.',
  source: 'What reported the token: `log` or `gateway`.',
  pod: 'The pod whose log had the line.',
  container: 'The container whose log had the line.',
  pod_uid: 'The UID of the pod that called, if it is known.',
  remote: 'The address that the call came from.',
  forwarded_by: 'The pod that says it forwarded the call. Then `remote` is its address.',
  to: 'Where the call was forwarded: to the `leader`, or to the `shard` that owns the token.',
  test: '`true` for calls of `helm test`.',
  token_given: 'Whether the answer carried the token.',
  trace_id: 'The ID of the trace that led to the line ([traces](#traces)).',
  span_id: 'The ID of the span in which the caller sent the call.',
  trace_flags: 'The flags of the trace as two hexadecimal digits: `01` if it is sampled.',
  rejected: 'The first 8 digits of the SHA-256 that the caller reported as rejected.',
  status: 'The HTTP status of the answer.',
  path: 'The path that was called, at most 300 characters.',
  of: 'The `event` of the calls that the line counts.',
  within_s: 'The seconds that the line counts.',
  about:
    'What a decision is about: `token`, `copy` (the stored copy) or `replaced` (a token that another one replaced).',
  kind: 'What was decided.',
  after_ms: 'The pause before the next decision, in milliseconds.',
  because: 'Why it was decided, as a sentence.',
};
