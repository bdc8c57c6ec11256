/** What must hold in one fault or attack, and the test that shows it. */
export interface Row {
  /** Completes the name of the test, which begins with the row's id and a colon. */
  readonly what: string;
  /** The real part that the test drives. */
  readonly part: string;
  /** The file of the test in this folder, without its ending. The rows of `slow/` run only in `npm run test:faults`. */
  readonly file: `${'fast' | 'slow'}/${string}`;
}

const ACQUIRER = 'token-acquirer process';
const CLIENT = 'client library';
const BOTH = 'client library and token-acquirer process';
const CLUSTER = 'token-acquirer process on a real API server';

const SERVER = 'fast/authorization-server';
const ANSWERS = 'fast/token-answers';
const PROCESS = 'fast/process';
const REJECTED = 'fast/rejected-tokens';
const VOLUME = 'fast/token-volume';
const CONTROL_PLANE = 'slow/control-plane';
const SECRETS = 'slow/secrets';

const FAULTS = {
  F1: row('keeps the old token and retries with pauses while connections are refused', ACQUIRER, SERVER),
  F2: row('reports an outage past the expiry, and recovers within a retry interval after it', BOTH, SERVER),
  F3: row('gives up a server that hangs or drips after 10 s, and asks it again', ACQUIRER, 'fast/hanging-server'),
  F4: row('honors Retry-After in seconds, as a date and of a year, within the life of the token', ACQUIRER, SERVER),
  F5: row('retries after 500, 502, 503 and 504 until the server is healthy', ACQUIRER, SERVER),
  F6: row('pauses 30 s after a rejected credential, and tries a changed one immediately', ACQUIRER, SERVER),
  F7: row('keeps the old token after invalid_grant and invalid_scope, without a loop', ACQUIRER, ANSWERS),
  F8: row('rejects every malformed answer, and keeps the old token', ACQUIRER, ANSWERS),
  F9: row('is never busy, whatever lifetime the server states', ACQUIRER, ANSWERS),
  F10: row('writes nothing and storms nobody if the server returns the same token again', ACQUIRER, ANSWERS),
  F11: row('loses no call to a token that the gateway accepts only later', BOTH, ANSWERS),
  F12: row('renews immediately after a suspension, as either clock demands', BOTH, PROCESS),
  F13: row('makes one token request for 1,000 clients that see a 401 together', BOTH, REJECTED),
  F14: row('answers a late 401 for an older token without a token request', BOTH, REJECTED),
  F15: row('pauses longer and longer if the gateway rejects every token', BOTH, REJECTED),
  F16: row('sends a request again once if its body is small, and never executes one twice', CLIENT, REJECTED),
  F17: row('keeps a token in memory while the API server is down, and writes it afterwards', CLUSTER, CONTROL_PLANE),
  F18: row('reaches one final state after 409, 429, and 504 that follows the commit', CLUSTER, CONTROL_PLANE),
  F19: row('repairs a Secret that others delete, edit or relabel, and disturbs no other token', CLUSTER, SECRETS),
  F20: row('reports a Secret that is immutable or too large, for that token only', CLUSTER, SECRETS),
  F21: row('degrades only the token whose namespace ends or whose permission is removed', CLUSTER, SECRETS),
  F22: row('notices changes although its watches are dropped, expired or silent', CLUSTER, CONTROL_PLANE),
  F23: row('reads its own ServiceAccount token again after a rotation', CLUSTER, CONTROL_PLANE),
  F24: row('uses a rotated CA without a restart', BOTH, 'fast/rotated-ca'),
  F25: row('recovers after SIGKILL between the answer and the write, while the old token is valid', BOTH, PROCESS),
  F26: row('replays no rotating refresh token after SIGKILL between the answer and the save', ACQUIRER, 'slow/kills'),
  F27: row(
    'keeps one consistent token with two processes, also after a pause beyond the Lease',
    CLUSTER,
    'slow/leader',
  ),
  F28: row('loses no reissue in flight at SIGTERM, and exits with 0 within its grace', BOTH, PROCESS),
  F29: row('gets a new token to its client though the kubelet is late, and warns of subPath', CLUSTER, 'slow/kubelet'),
  F30: row('reads both keys of one version in 100,000 swaps with racing readers', CLIENT, 'slow/swaps'),
  F31: row('sees changes within 2 s where nothing can be watched', BOTH, VOLUME),
  F32: row('keeps the last good token while its file is empty, binary, huge or unreadable', CLIENT, VOLUME),
  F33: row('is not held up by names that resolve slowly or not at all', ACQUIRER, 'slow/names'),
  F34: row(
    'tries again once after a half-closed connection, and never with a rotating refresh token',
    ACQUIRER,
    SERVER,
  ),
  F35: row('goes on with the volume while the reissue endpoint is unreachable', CLIENT, REJECTED),
  F36: row('lets none of 5,000 tokens expire that are due together after a restart', ACQUIRER, 'slow/many-tokens'),
  F37: row('treats a full etcd as an API server that is down', CLUSTER, 'slow/full-etcd'),
  F38: row('keeps the active configuration if its file becomes invalid', ACQUIRER, PROCESS),
  F39: row('requests no token twice after its event loop stalled for 5 s', ACQUIRER, PROCESS),
  F40: row('renews although nobody reads its log', ACQUIRER, PROCESS),
};

const ATTACKS = {
  A1: row('keeps the credentials out of reach of a client pod', CLUSTER, 'slow/pods-attacks'),
  A2: row('answers 401 without a token request to a caller without a valid token', ACQUIRER, 'fast/callers'),
  A3: row(
    'rejects a ServiceAccount token of another audience',
    'caller check on a Kubernetes API server',
    'slow/callers',
  ),
  A4: row(
    "answers 403 for another client's token, the same as for a name that does not exist",
    ACQUIRER,
    'fast/callers',
  ),
  A5: row('makes at most one token request per minimum interval for a client that floods', ACQUIRER, 'fast/callers'),
  A6: row('bounds a caller that claims a live token is bad, and revokes nothing', ACQUIRER, 'fast/callers'),
  A7: row('gives nothing to a replayed reissue request', ACQUIRER, 'fast/callers'),
  A8: row('rejects plain http, a wrong certificate and NODE_TLS_REJECT_UNAUTHORIZED', BOTH, 'fast/outbound'),
  A9: row('sends no secret to a metadata address, a redirect or a URL with a user', ACQUIRER, 'fast/outbound'),
  A10: row('rejects CR, LF, control bytes and prototype keys in an answer', ACQUIRER, 'fast/outbound'),
  A11: row('rejects ../ and symlinks in names and keys', ACQUIRER, 'fast/names'),
  A12: row('evaluates no template or expression', ACQUIRER, 'fast/names'),
  A13: row('shows no secret in any output', BOTH, 'fast/secrets'),
  A14: row('is no open proxy', 'Envoy sidecar', 'slow/sidecar'),
  A15: row('sends exactly one Authorization upstream', 'Envoy sidecar', 'slow/sidecar'),
  A16: row('listens on loopback only', 'Envoy sidecar', 'slow/sidecar'),
  A17: row('replays once at most if the upstream answers 401 indefinitely', BOTH, 'fast/callers'),
  A18: row('grants no broad permission', 'chart', 'slow/rendered-chart'),
  A19: row('passes Pod Security restricted', 'chart', 'slow/pods-attacks'),
  A20: row('denies by default and names its exceptions in network policies', 'chart', 'slow/rendered-chart'),
  A21: row('keeps its limits under slow headers, 10,000 connections and a body of 1 GB', ACQUIRER, 'slow/floods'),
  A22: row('compares secrets in constant time', 'caller check', 'fast/constant-time'),
  A23: row('has few dependencies, a lock file and no install script', 'packages', 'fast/supply-chain'),
  A24: row('reaches its named Secrets and its own credentials only', CLUSTER, 'slow/pods-attacks'),
  A25: row('bounds by lifetime and audience what a person who may create pods can read', CLUSTER, 'slow/pods-attacks'),
  A26: row('may annotate pods only if allowed, and then one annotation', CLUSTER, 'slow/pods-attacks'),
  A27: row('rejects a deleted ServiceAccount within 20 s', 'caller check on a Kubernetes API server', 'slow/callers'),
  A28: row('revokes the replaced token after a reissue, if configured', ACQUIRER, 'fast/secrets'),
  A29: row('rejects NODE_OPTIONS, inspectors and report signals', ACQUIRER, 'fast/secrets'),
  A30: row('uses the password grant only by name, with a warning', ACQUIRER, 'fast/secrets'),
};

/** Every fault and attack that the project must survive. */
export const ROWS = { ...FAULTS, ...ATTACKS };
export type RowId = keyof typeof ROWS;

function row(what: string, part: string, file: Row['file']): Row {
  return { what, part, file };
}
