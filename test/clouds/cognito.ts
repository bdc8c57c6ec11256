import { sha256 } from '../../src/core/token.ts';
import type { CertificateAuthority } from '../support/certificates.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { formOf, Script, send, type VendorAnswer } from './vendor-answer.ts';

export const POOL = 'eu-central-1_a1B2c3D4e';
export const COGNITO_CLIENT = 'djc98u3jiedmi283eu928';
export const COGNITO_SCOPE = 'incidents/read';
const ISSUER_HOST = 'cognito-idp.eu-central-1.amazonaws.com';
const DOMAIN_HOST = 'contoso.auth.eu-central-1.amazoncognito.com';

export interface Cognito {
  readonly issuer: string;
  /** Of the user pool's domain, where the token endpoint is. */
  readonly domain: string;
  readonly script: Script;
  /** Hashes of the tokens that it issued, in order. */
  readonly issued: string[];
  requests(): number;
  stop(): Promise<void>;
}

/** https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html, "Examples of negative responses": always 400 */
const refusal = (error: string): VendorAnswer => ({ status: 400, body: { error } });

export const COGNITO_ANSWERS = {
  /** https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html: 429, with no word on when to come back. */
  throttled: { status: 429, body: { message: 'Rate exceeded' } },
  otherGrant: refusal('unsupported_grant_type'),
  malformed: refusal('invalid_request'),
} as const;

/** Amazon Cognito for one user pool: the issuer with its metadata at one host, the pool's domain at another. */
export async function startCognito(authority: CertificateAuthority, clientSecret: string): Promise<Cognito> {
  const script = new Script();
  const issued: string[] = [];
  let requests = 0;
  const domain = await startHttpServer(
    (request, response) => {
      requests += 1;
      void formOf(request).then((form) => {
        const answer = script.take() ?? answerTo(form, clientSecret);
        const { access_token } = (answer.body ?? {}) as { access_token?: string };
        if (access_token !== undefined) issued.push(sha256(access_token));
        send(response, answer);
      });
    },
    authority.issue(`DNS:${DOMAIN_HOST}`),
  );
  const domainUrl = `https://${DOMAIN_HOST}:${domain.port}`;
  /** https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html */
  const pool = await startHttpServer(
    (request, response) => {
      const issuer = `https://${request.headers.host}/${POOL}`;
      const known = request.url === `/${POOL}/.well-known/openid-configuration`;
      const metadata = {
        issuer,
        token_endpoint: `${domainUrl}/oauth2/token`,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
      };
      send(response, known ? { status: 200, body: metadata } : { status: 404, body: { message: 'Not found' } });
    },
    authority.issue(`DNS:${ISSUER_HOST}`),
  );
  return {
    issuer: `https://${ISSUER_HOST}:${pool.port}/${POOL}`,
    domain: domainUrl,
    script,
    issued,
    requests: () => requests,
    async stop() {
      await Promise.all([domain.stop(), pool.stop()]);
    },
  };
}

function answerTo(form: URLSearchParams, clientSecret: string): VendorAnswer {
  if (form.get('client_id') !== COGNITO_CLIENT || form.get('client_secret') !== clientSecret)
    return refusal('invalid_client');
  if (form.get('grant_type') !== 'client_credentials') return refusal('unauthorized_client');
  // Of a scope that the app client was not given: seen in the field, on no page.
  if (form.get('scope') !== COGNITO_SCOPE) return refusal('invalid_grant');
  return { status: 200, body: { access_token: secret('access-token'), expires_in: 3600, token_type: 'Bearer' } };
}
