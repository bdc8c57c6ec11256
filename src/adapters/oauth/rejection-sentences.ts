import type { CredentialKey } from '../../core/credential.ts';
import { type ClientAuthentication, GRANTS, type Grant, proofKeys } from '../../core/credential-needs.ts';
import type { TokenErrorCode } from '../../core/errors.ts';
import type { ProtocolRequest } from '../../ports/token-endpoint.ts';

export type RejectionCode = Extract<
  TokenErrorCode,
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'access_denied'
  | 'proxy_denied'
  | 'rate_limited'
  | 'server_error'
>;

interface Subject {
  readonly name: string;
  /** A sentence that ends with "in the credential …". */
  readonly cure: string;
}

/** The request that the server received, so that a message names nothing else. */
export interface Sent {
  readonly request: ProtocolRequest<'oauth'>;
  readonly clientAuthentication: ClientAuthentication;
}

/** A rejection in words. `what` continues the name of the server; `remedy` is what to do. */
export interface Rejection {
  readonly what: string;
  readonly remedy?: string | undefined;
}

interface Circumstances {
  readonly status: number;
  /** Whether the answer names its error, or only its status shows it. */
  readonly named: boolean;
}

/** What a grant sends of the credential, in addition to the proof of the client. */
const SUBJECTS = {
  client_credentials: undefined,
  password: {
    name: 'user name or password',
    cure: 'One of them is wrong, expired or locked. Correct username and password',
  },
  refresh_token: {
    name: 'refresh token',
    cure: 'It is wrong, expired or revoked. Put a new refresh_token',
  },
  jwt_bearer: undefined,
  token_exchange: undefined,
} as const satisfies Readonly<Record<Grant, Subject | undefined>>;

/** The statuses that mean more than that the request was rejected. */
const BY_STATUS: ReadonlyMap<number, Rejection> = new Map<number, Rejection>([
  [404, { what: 'has nothing at this URL', remedy: 'Check that it is the URL of its token endpoint.' }],
  [405, { what: 'does not accept POST at this URL', remedy: 'Check that it is the URL of its token endpoint.' }],
  [410, { what: 'no longer has anything at this URL', remedy: 'Check that it is the URL of its token endpoint.' }],
]);

/** Returns the words for a rejection. `sent` is undefined where only metadata was requested. */
export function rejectionIn(code: RejectionCode, circumstances: Circumstances, sent: Sent | undefined): Rejection {
  const byStatus = circumstances.named ? undefined : BY_STATUS.get(circumstances.status);
  if (byStatus !== undefined) return byStatus;
  if (code === 'proxy_denied') return { what: 'was not reached, because a proxy in between requires authentication' };
  if (code === 'rate_limited') return { what: 'asks for fewer requests' };
  if (code === 'server_error') return { what: 'returned a server error' };
  return sent === undefined ? { what: 'rejected the request' } : WORDS[code](sent, circumstances);
}

type Words = (sent: Sent, circumstances: Circumstances) => Rejection;

const WORDS: Readonly<Record<Exclude<RejectionCode, 'proxy_denied' | 'rate_limited' | 'server_error'>, Words>> = {
  invalid_client: rejectedClient,
  invalid_grant: rejectedGrant,
  invalid_request: ({ request: { exchange } }) => ({
    what: 'rejected the request',
    remedy: `Check ${exchange === undefined ? '' : `the token in ${exchange.subject.file}, and `}scope, resource, audience and parameters of this token.`,
  }),
  invalid_scope: () => ({
    what: 'does not grant this scope',
    remedy: 'Correct the scope of this token, or have it granted to the client.',
  }),
  unauthorized_client: (sent) => ({
    what: `does not accept the client, or does not allow it the grant ${sent.request.grant}`,
    remedy: `${checkFiles(sent, proofFiles(sent))} Then check the grants that the client may use.`,
  }),
  unsupported_grant_type: ({ request }) => ({
    what: `does not support the grant ${request.grant}`,
    remedy: 'Choose another grant.',
  }),
  access_denied: deniedAccess,
};

/** A server that answers 401 without a name for the error may also mean the user. */
function rejectedClient(sent: Sent, { named }: Circumstances): Rejection {
  const subject = named ? undefined : subjectOf(sent);
  const files = [...proofFiles(sent), ...(subject === undefined ? [] : subjectFiles(sent))];
  return {
    what: `does not accept the client${subject === undefined ? '' : `, or the ${subject.name}`}`,
    remedy: `${checkFiles(sent, files)} ${authenticationHint(sent)}`,
  };
}

function subjectOf({ request }: Sent): Subject | undefined {
  return SUBJECTS[request.grant];
}

/** Returns the files that a grant sends in addition to the proof of the client. */
function subjectFiles({ request }: Sent): readonly CredentialKey[] {
  return GRANTS[request.grant].needs;
}

function authenticationHint({ clientAuthentication: method }: Sent): string {
  if (method === 'client_secret_basic')
    return 'Or set clientAuthentication: client_secret_post, if the server requires it.';
  if (method === 'client_secret_post')
    return 'Or set clientAuthentication: client_secret_basic, if the server requires it.';
  if (method === 'workload_identity' || method === 'jwt_spiffe')
    return 'Then check the assertionFile, and that the server trusts its issuer.';
  return `Then check clientAuthentication, which is ${method}.`;
}

function rejectedGrant(sent: Sent): Rejection {
  const { grant, credential } = sent.request;
  const subject = subjectOf(sent);
  if (subject !== undefined) {
    return {
      what: `does not accept the ${subject.name}`,
      remedy: `${subject.cure} in the credential ${credential.name}.`,
    };
  }
  const assertion = rejectedAssertion(sent);
  if (assertion !== undefined) return assertion;
  return {
    what: `does not accept the grant ${grant} of this client`,
    remedy: `${checkFiles(sent, proofFiles(sent))} Then check the scope of this token, and what the client may use.`,
  };
}

/** RFC 7523 section 3.1 and RFC 8693 section 2.2.2: the error is in the token that was sent, or in what it may do. */
function rejectedAssertion({ request }: Sent): Rejection | undefined {
  const { assertion, exchange, credential } = request;
  if (exchange !== undefined) {
    return {
      what: 'does not accept the token to exchange',
      remedy: `Check that the token in ${exchange.subject.file} is valid, has the audience that the server wants, and that its issuer is trusted. Then check subjectTokenType.`,
    };
  }
  if (assertion === undefined) return undefined;
  const what = 'does not accept the assertion';
  if ('file' in assertion) {
    return {
      what,
      remedy: `Check that the JWT in ${assertion.file} is valid, has the audience that the server wants, and that its issuer is trusted.`,
    };
  }
  return {
    what,
    remedy: `Check private_key in the credential ${credential.name}, then issuer, subject and audience of the assertion, and the clock.`,
  };
}

function deniedAccess(sent: Sent, { status, named }: Circumstances): Rejection {
  const check = checkFiles(sent, subjectOf(sent) === undefined ? proofFiles(sent) : subjectFiles(sent));
  if (status === 423) return { what: 'has locked the account', remedy: `Unlock it. ${check}` };
  const firewall = named ? '' : ' The answer may also come from a firewall in between.';
  return { what: 'denied the token', remedy: `Look for a policy on the client. ${check}${firewall}` };
}

/** Returns only the files that the credential has, because `certificate` is optional. */
function proofFiles({ request, clientAuthentication }: Sent): CredentialKey[] {
  return proofKeys(clientAuthentication).filter((file) => request.credential.values[file] !== undefined);
}

function checkFiles({ request }: Sent, files: readonly CredentialKey[]): string {
  const last = files.at(-1) ?? 'client_id';
  const listed = files.length > 1 ? `${files.slice(0, -1).join(', ')} and ${last}` : last;
  return `Check ${listed} in the credential ${request.credential.name}.`;
}
