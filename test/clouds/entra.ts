import { createHash, X509Certificate } from 'node:crypto';
import { type CryptoKey, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { sha256 } from '../../src/core/token.ts';
import type { CertificateAuthority } from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { formOf, Script, send, type VendorAnswer } from './vendor-answer.ts';

export const TENANT = '2d3b6a9e-4a0e-4a61-9a52-0c1d2e3f4a5b';
export const CLIENT_ID = '535fb089-9ff3-47b6-9bfb-4f1264799865';
export const DATAVERSE = 'https://contoso.crm4.dynamics.com';
const HOST = 'login.microsoftonline.com';

/** An app registration, and what it may present. */
export interface EntraApp {
  readonly secrets?: Readonly<Record<string, 'valid' | 'expired'>>;
  /** In PEM. */
  readonly certificates?: readonly string[];
  readonly federated?: FederatedCredential;
  readonly users?: Readonly<Record<string, { readonly password: string; readonly needs?: keyof typeof USER_ERRORS }>>;
}

/** https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly key: CryptoKey;
}

export interface Entra extends LoopbackServer {
  /** `https://login.microsoftonline.com:PORT` */
  readonly origin: string;
  readonly script: Script;
  /** Hashes of the tokens that it issued, in order. */
  readonly issued: string[];
  requests(): number;
}

/**
 * The body that https://learn.microsoft.com/entra/identity-platform/reference-error-codes shows; it names the errors and
 * their numbers, too. The statuses are those that public reports of these errors quote.
 */
function refusal(status: number, error: string, code: number, what: string): VendorAnswer {
  const ids = {
    trace_id: '0000aaaa-11bb-cccc-dd22-eeeeee333333',
    correlation_id: 'aaaa0000-bb11-2222-33cc-444444dddddd',
  };
  const timestamp = '2026-01-09 02:02:12Z';
  const trailer = `Trace ID: ${ids.trace_id} Correlation ID: ${ids.correlation_id} Timestamp: ${timestamp}`;
  const description = `AADSTS${code}: ${what} ${trailer}`;
  const uri = `https://login.microsoftonline.com/error?code=${code}`;
  const body = { error, error_description: description, error_codes: [code], timestamp, ...ids, error_uri: uri };
  return { status, body };
}

const USER_ERRORS = {
  consent: refusal(400, 'invalid_grant', 65001, 'The user or administrator has not consented to use the application.'),
  'a second factor': refusal(400, 'interaction_required', 50076, 'You must use multi-factor authentication.'),
  'a new password': refusal(400, 'invalid_grant', 50055, 'The password is expired.'),
} as const;

export const ENTRA_ANSWERS = {
  /** https://learn.microsoft.com/entra/msal/dotnet/advanced/client-and-server-throttling, which says 60 s. */
  throttled: (seconds: number): VendorAnswer => ({
    status: 429,
    headers: { 'retry-after': String(seconds) },
    body: 'Too Many Requests',
  }),
  busy: refusal(503, 'temporarily_unavailable', 90006, 'The server is temporarily too busy to handle the request.'),
  notAssigned: refusal(400, 'invalid_grant', 501051, 'Application is not assigned to a role for the application.'),
  conditionalAccess: refusal(400, 'invalid_grant', 53003, 'Access has been blocked by Conditional Access policies.'),
} as const;

/** Microsoft Entra ID as its pages describe it, for one tenant: discovery and the v2.0 token endpoint. */
export async function startEntra(authority: CertificateAuthority, app: EntraApp): Promise<Entra> {
  const script = new Script();
  const issued: string[] = [];
  let requests = 0;
  const server = await startHttpServer(
    (request, response) => {
      if (request.method === 'GET')
        return send(response, discovery(`https://${request.headers.host}`, request.url ?? ''));
      requests += 1;
      void formOf(request).then(async (form) => {
        const url = `https://${request.headers.host}${request.url}`;
        const answer = script.take() ?? (await refusalOf(app, form, url)) ?? token();
        const { access_token } = (answer.body ?? {}) as { access_token?: string };
        if (access_token !== undefined) issued.push(sha256(access_token));
        send(response, answer);
      });
    },
    authority.issue(`DNS:${HOST}`),
  );
  return { ...server, origin: `https://${HOST}:${server.port}`, script, issued, requests: () => requests };
}

/** https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc */
function discovery(origin: string, path: string): VendorAnswer {
  if (path !== `/${TENANT}/v2.0/.well-known/openid-configuration`) {
    return refusal(400, 'invalid_tenant', 90002, 'Tenant not found.');
  }
  const issuer = `${origin}/${TENANT}/v2.0`;
  const methods = {
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
  };
  return { status: 200, body: { issuer, token_endpoint: `${origin}/${TENANT}/oauth2/v2.0/token`, ...methods } };
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, "Successful response" */
function token(): VendorAnswer {
  const lives = { expires_in: 3599, ext_expires_in: 3599 };
  return { status: 200, body: { token_type: 'Bearer', ...lives, access_token: secret('access-token') } };
}

async function refusalOf(app: EntraApp, form: URLSearchParams, url: string): Promise<VendorAnswer | undefined> {
  if (!url.endsWith(`/${TENANT}/oauth2/v2.0/token`)) return refusal(400, 'invalid_request', 90002, 'Tenant not found.');
  if (form.get('client_id') !== CLIENT_ID) {
    return refusal(400, 'unauthorized_client', 700016, 'Application was not found in the directory.');
  }
  return (await clientRefusal(app, form, url)) ?? scopeRefusal(form) ?? userRefusal(app, form);
}

async function clientRefusal(app: EntraApp, form: URLSearchParams, url: string): Promise<VendorAnswer | undefined> {
  const assertion = form.get('client_assertion');
  if (assertion !== null) return assertionRefusal(app, assertion, url);
  const given = form.get('client_secret');
  if (given === null)
    return refusal(
      401,
      'invalid_client',
      7000218,
      "The request body must contain: 'client_assertion' or 'client_secret'.",
    );
  const known = app.secrets?.[given];
  if (known === 'expired')
    return refusal(401, 'invalid_client', 7000222, 'The provided client secret keys are expired.');
  return known === undefined ? refusal(401, 'invalid_client', 7000215, 'Invalid client secret provided.') : undefined;
}

async function assertionRefusal(app: EntraApp, assertion: string, url: string): Promise<VendorAnswer | undefined> {
  const own = decodeJwt(assertion).iss === CLIENT_ID;
  return own ? certificateRefusal(app, assertion, url) : federationRefusal(app, assertion);
}

/** https://learn.microsoft.com/entra/identity-platform/certificate-credentials: PS256, `x5t#S256`, aud, sub, jti. */
async function certificateRefusal(app: EntraApp, assertion: string, url: string): Promise<VendorAnswer | undefined> {
  const header = decodeProtectedHeader(assertion);
  const certificate = (app.certificates ?? [])
    .map((pem) => new X509Certificate(pem))
    .find(({ raw }) => createHash('sha256').update(raw).digest('base64url') === header['x5t#S256']);
  const unknown = refusal(
    401,
    'invalid_client',
    700027,
    'The certificate with identifier used to sign the client assertion is not registered on application.',
  );
  if (certificate === undefined || header.typ !== 'JWT') return unknown;
  try {
    const options = { algorithms: ['PS256'], audience: url, subject: CLIENT_ID, requiredClaims: ['jti', 'exp', 'nbf'] };
    await jwtVerify(assertion, certificate.publicKey, options);
    return undefined;
  } catch (error) {
    return error instanceof errors.JWTExpired ? EXPIRED : unknown;
  }
}

const EXPIRED = refusal(401, 'invalid_client', 700024, 'Client assertion is not within its valid time range.');

async function federationRefusal({ federated }: EntraApp, assertion: string): Promise<VendorAnswer | undefined> {
  const { iss, sub, aud } = decodeJwt(assertion);
  const unlike = (code: number, what: string): VendorAnswer =>
    refusal(
      401,
      'invalid_client',
      code,
      `No matching federated identity record found for presented assertion ${what}.`,
    );
  if (federated === undefined || iss !== federated.issuer) return unlike(700211, `issuer '${iss}'`);
  if (sub !== federated.subject) return unlike(700213, `subject '${sub}'`);
  if (![aud].flat().includes(federated.audience)) return unlike(700212, `audience '${String(aud)}'`);
  try {
    await jwtVerify(assertion, federated.key);
    return undefined;
  } catch (error) {
    return error instanceof errors.JWTExpired ? EXPIRED : unlike(70021, 'signature');
  }
}

function scopeRefusal(form: URLSearchParams): VendorAnswer | undefined {
  const scope = form.get('scope') ?? '';
  if (form.get('grant_type') === 'client_credentials' && !scope.endsWith('/.default')) {
    return refusal(400, 'invalid_scope', 1002012, `The provided value for scope ${scope} is not valid.`);
  }
  if (scope.startsWith(DATAVERSE)) return undefined;
  return refusal(400, 'invalid_resource', 500011, `The resource principal named ${scope} was not found in the tenant.`);
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc */
function userRefusal({ users = {} }: EntraApp, form: URLSearchParams): VendorAnswer | undefined {
  if (form.get('grant_type') !== 'password') return undefined;
  const user = users[form.get('username') ?? ''];
  if (user?.password !== form.get('password'))
    return refusal(400, 'invalid_grant', 50126, 'Error validating credentials due to invalid username or password.');
  return user?.needs === undefined ? undefined : USER_ERRORS[user.needs];
}
