import type { Unreached } from '../../ports/http-call.ts';
import type { CallerIdentity, CheckedEndpoint, NotReissued, Refused } from './endpoint.ts';

/** Whom and what a call to the reissue endpoint was about. */
export interface Asked {
  readonly endpoint: CheckedEndpoint;
  /** Of the token. */
  readonly name: string;
  readonly caller: CallerIdentity | undefined;
}

/** Why the reissue endpoint gave no token, and what to do next. */
export function whyNotReissued(result: NotReissued, asked: Asked): string {
  const { host } = asked.endpoint;
  if (result.kind === 'unreached') return whyUnreached(result, asked.endpoint);
  if (result.kind === 'unusable') {
    return `What answers at ${host} is not a token-acquirer, or one of another version: see whom REISSUE_URL names.`;
  }
  return whyRefused(result, asked);
}

/** Returns what is wrong with the certificate itself, where more CAs would not help. */
export function certificateFault({ certificate }: Unreached): string | undefined {
  const isOfUnknownCa = certificate?.problem === 'untrusted' || certificate?.problem === 'self-signed';
  return isOfUnknownCa ? undefined : certificate?.explanation;
}

export function whyUnreached(unreached: Unreached, { host, ownAuthority, settings }: CheckedEndpoint): string {
  const { why, code } = unreached;
  if (why === 'down') {
    return `The token-acquirer is down: nothing listens at ${host} (${code}). Check whether its pod runs and is ready.`;
  }
  if (why === 'no-such-name') {
    return `The name ${host} is not known (${code}): check whether the token-acquirer's Service exists.`;
  }
  if (why === 'timeout') {
    return `No answer came from ${host} (${code}): check whether a NetworkPolicy blocks the way from this namespace to the token-acquirer.`;
  }
  if (why === 'broken') return `The connection to ${host} broke (${code}): see the token-acquirer's log.`;
  const fault = certificateFault(unreached);
  if (fault !== undefined) return `The token-acquirer at ${host} is not trusted (${code}). ${fault}`;
  return ownAuthority
    ? `The certificate of ${host} is not trusted by ${settings.caFile} (${code}): another program answers, or wrote that file. After a change of the CA, the volume may need 90 s to follow.`
    : `The certificate of ${host} is not trusted (${code}): ${settings.caFile ?? 'CA_FILE'} does not exist yet. The token-acquirer stores it with the first token, or without one if that is delayed. So nothing was stored yet, and only its log shows why${logOf(host)}. With your own certificate, set its CA in the configuration (endpoint.caFile).`;
}

/** A Service has the name of its Deployment. */
function logOf(host: string): string {
  const [, name, namespace] = /^([^.:]+)\.([^.:]+)\.svc\b/.exec(host) ?? [];
  return name === undefined ? '' : `: kubectl -n ${namespace} logs deployment/${name}`;
}

function whyRefused(refused: Refused, asked: Asked): string {
  const { status, code } = refused;
  const { host, settings } = asked.endpoint;
  const named = code === undefined ? String(status) : `${status}, ${code}`;
  if (status === 401) return unknownCaller(asked);
  if (status === 403) {
    const token = `${settings.namespace}/${settings.secret}/${asked.name}`;
    return `The token-acquirer rejects this pod (403): ${accountOf(asked)} is not among the clients of ${token}, or there is no such token. Name it under that token's clients in the token-acquirer's configuration.`;
  }
  if (status === 429) {
    return `The token-acquirer limits calls (${named}): run the test again in ${Math.ceil((refused.retryAfter ?? 1000) / 1000)} s.`;
  }
  if (status === 502) return noTokenFrom(code);
  if (status === 503) return unavailable(code, asked);
  return `The token-acquirer at ${host} answered ${named}: check its log, and whether it has the same version.`;
}

function accountOf({ caller }: Asked): string {
  return caller === undefined ? 'its ServiceAccount' : `the ServiceAccount ${caller.account}`;
}

function unknownCaller({ caller }: Asked): string {
  const audience = caller === undefined ? 'It' : `It is for the audience ${caller.audience}, and`;
  return `The token-acquirer does not know this pod's ServiceAccount token (401). ${audience} must be for the one in the token-acquirer's configuration (audience), of this cluster, and not expired.`;
}

const NOT_REACHED =
  'The token-acquirer does not reach it: check its URL, the proxy, its private CA and NetworkPolicies.';
const INCOMPLETE = "The credential is incomplete or wrong: check its Secret, and the token-acquirer's status.";

/** What to do about the commonest error codes (RFC 6749 section 5.2, and the token-acquirer's own). */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['invalid_client', 'It rejected the client: correct the client ID, and its secret or key, in the credential.'],
  [
    'unauthorized_client',
    'The client may not use this grant, or its secret is wrong: correct the credential, or allow it.',
  ],
  [
    'invalid_grant',
    'User name and password, or the refresh token, are wrong, expired or revoked: correct the credential.',
  ],
  ['invalid_scope', 'The scope is unknown, or not for this client: correct it, or let an administrator grant it.'],
  ['invalid_request', 'It found the request malformed: check scope, resource, audience and parameters of the token.'],
  ['access_denied', 'A policy on the client or a firewall forbids it.'],
  ['server_error', 'It failed: run the test again when it works again.'],
  ['rate_limited', 'It limits requests: run the test again later.'],
  ['timeout', NOT_REACHED],
  ['unreachable', NOT_REACHED],
  ['refused_address', NOT_REACHED],
  ['proxy_denied', NOT_REACHED],
  ['credential_unreadable', INCOMPLETE],
  ['needs_credential', INCOMPLETE],
  ['chain_elsewhere', 'The token is changing its shard: run the test again in two minutes.'],
  ['state_busy', 'Another process may be using the refresh token: run the test again in 15 s.'],
]);

function noTokenFrom(code: string | undefined): string {
  const failure = 'The token-acquirer got no token from the authorization server';
  if (code === undefined) return `${failure} (502): see its log.`;
  return `${failure}: ${code}. ${ADVICE.get(code) ?? "The token-acquirer's status and log say more."}`;
}

function unavailable(code: string | undefined, { endpoint, name }: Asked): string {
  const { namespace, secret } = endpoint.settings;
  if (code === 'callers_unavailable') {
    return 'The token-acquirer cannot identify callers at the API server (503): check whether it may still create tokenreviews (its ClusterRoleBinding), and whether the API server answers it.';
  }
  if (code === 'store_unavailable') return notStored(namespace, secret);
  if (code === 'stopping')
    return `The token-acquirer is stopping, or ${name} was just removed from the configuration (503): run the test again.`;
  return `The token-acquirer has no valid token ${name} at the moment (503): its status shows why.`;
}

export function notStored(namespace: string, secret: string): string {
  return `A new token was obtained but not stored in the Secret ${namespace}/${secret}: check whether the Secret exists, and whether the token-acquirer's Role and RoleBinding in the namespace ${namespace} still allow get and patch on it.`;
}
