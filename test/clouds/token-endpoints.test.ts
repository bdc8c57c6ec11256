import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type { TokenErrorCode } from '../../src/core/errors.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../support/certificates.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { TokenIssuer } from '../support/token-issuer.ts';
import { COGNITO_ANSWERS, COGNITO_CLIENT, COGNITO_SCOPE, type Cognito, startCognito } from './cognito.ts';
import { CLIENT_ID, DATAVERSE, ENTRA_ANSWERS, type Entra, type EntraApp, startEntra, TENANT } from './entra.ts';
import { openPlace, type Place, type PlaceOptions } from './place.ts';
import type { VendorAnswer } from './vendor-answer.ts';

const AUDIENCE = 'api://AzureADTokenExchange';
const CLUSTER = 'https://germanywestcentral.oic.prod-aks.azure.com/2d3b6a9e/0000aaaa/';
const SCOPE = `${DATAVERSE}/.default`;

const right = secret('client-secret');
const expired = secret('expired-client-secret');
const password = secret('password');
const cognitoSecret = secret('cognito-client-secret');
const asUser = (name: string): Record<string, string> => ({ username: `${name}@contoso.com`, password });

let authority: CertificateAuthority;
let registered: ServerCertificate;
let unregistered: ServerCertificate;
let cluster: TokenIssuer;
let app: EntraApp;
beforeAll(async () => {
  authority = createCertificateAuthority();
  registered = authority.issue('DNS:token-acquirer', 'rsa');
  unregistered = authority.issue('DNS:token-acquirer', 'rsa');
  for (const { key } of [registered, unregistered]) registerSecret(key);
  cluster = await TokenIssuer.start({ issuer: CLUSTER, alg: 'RS256' });
  app = {
    secrets: { [right]: 'valid', [expired]: 'expired' },
    certificates: [registered.cert],
    federated: {
      issuer: CLUSTER,
      subject: 'system:serviceaccount:token-acquirer:token-acquirer',
      audience: AUDIENCE,
      key: cluster.key.publicKey,
    },
    users: {
      'ada@contoso.com': { password },
      'bob@contoso.com': { password, needs: 'consent' },
      'eve@contoso.com': { password, needs: 'a second factor' },
      'old@contoso.com': { password, needs: 'a new password' },
    },
  };
});
afterAll(() => authority.remove());

type Keep = <One extends { stop(): Promise<void> }>(one: One) => One;

/** What a test opens is stopped with it, though others go on. */
function keeping({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Keep {
  return (one) => {
    onTestFinished(() => one.stop());
    return one;
  };
}

interface Given {
  /** By default the tenant's issuer and a secret in the form. */
  readonly server?: (entra: Entra) => object;
  readonly credential?: () => Readonly<Record<string, string>>;
  readonly token?: object;
  /** Come first. */
  readonly answers?: readonly VendorAnswer[];
  /** What the ServiceAccount token says otherwise, with workload identity. */
  readonly assertion?: Parameters<TokenIssuer['mint']>[0];
}

const byIssuer = ({ origin }: Entra): object => ({ issuer: `${origin}/${TENANT}/v2.0`, caFile: authority.caFile });
const byEndpoint = ({ origin }: Entra): object => ({
  tokenEndpoint: `${origin}/${TENANT}/oauth2/v2.0/token`,
  caFile: authority.caFile,
});

const projected = { now: Date.now(), serviceAccount: 'token-acquirer/token-acquirer', audiences: [AUDIENCE] };

async function openEntra(given: Given, keep: Keep): Promise<{ entra: Entra; place: Place }> {
  const entra = keep(await startEntra(authority, app));
  entra.script.next(...(given.answers ?? []));
  const file = join(authority.caFile, '..', `token-${entra.port}`);
  writeFileSync(file, await cluster.mint(given.assertion ?? projected));
  const method =
    given.assertion === undefined
      ? { clientAuthentication: 'client_secret_post' }
      : { clientAuthentication: 'workload_identity', assertionFile: file };
  const options: PlaceOptions = {
    server: { ...byIssuer(entra), ...method, ...given.server?.(entra) },
    credential: { client_id: CLIENT_ID, ...(given.credential?.() ?? { client_secret: right }) },
    token: { scope: SCOPE, ...given.token },
  };
  return { entra, place: keep(await openPlace(options)) };
}

const CERTIFICATE = (entra: Entra): object => ({
  ...byEndpoint(entra),
  issuer: undefined,
  clientAuthentication: 'private_key_jwt',
});
const PASSWORD = { grant: 'password', scope: `${DATAVERSE}/user_impersonation` };
const pair = ({ key, cert }: ServerCertificate) => ({ private_key: key, certificate: cert });

describe.concurrent('Entra ID gives a token to', () => {
  const cases: [string, Given][] = [
    ['a secret in the form', {}],
    ['a secret in the header', { server: () => ({ clientAuthentication: 'client_secret_basic' }) }],
    ['a certificate', { server: CERTIFICATE, credential: () => pair(registered) }],
    ['a workload identity, without any secret', { assertion: projected, credential: () => ({}) }],
    ['a user', { token: PASSWORD, credential: () => ({ client_secret: right, ...asUser('ada') }) }],
  ];

  it.for(cases)('%s', async ([, given], context) => {
    const { entra, place } = await openEntra(given, keeping(context));
    const report = await place.valid();
    expect(report.sha256).toBe(entra.issued[0]?.slice(0, 8));
    const lifetime = Date.parse(report.expires_at ?? '') - Date.parse(report.issued_at ?? '');
    expect(lifetime).toBe(3_599_000);
    expect(entra.requests()).toBe(1);
  });
});

interface Refused extends Given {
  readonly what: string;
  readonly code: TokenErrorCode;
  /** In the message. */
  readonly says: string;
  /** What is put into the credential then, where that helps. */
  readonly cure?: () => Readonly<Record<string, string>>;
}

const REFUSED: Refused[] = [
  {
    what: 'a wrong secret',
    credential: () => ({ client_secret: secret('wrong') }),
    code: 'invalid_client',
    says: 'does not accept the client secret: check that it is the value of the secret, not its ID (invalid_client, AADSTS7000215, HTTP 401).',
    cure: () => ({ client_secret: right }),
  },
  {
    what: 'an expired secret',
    credential: () => ({ client_secret: expired }),
    code: 'invalid_client',
    says: 'reports that the client secret has expired: create a new one and put it into the credential (invalid_client, AADSTS7000222, HTTP 401).',
    cure: () => ({ client_secret: right }),
  },
  {
    what: 'no proof of the client',
    server: () => ({ clientAuthentication: 'none' }),
    code: 'invalid_client',
    says: 'set clientAuthentication (invalid_client, AADSTS7000218, HTTP 401)',
  },
  {
    what: 'the client of another tenant',
    credential: () => ({ client_id: 'f1264799-9ff3-47b6-9bfb-4865535fb089', client_secret: right }),
    code: 'unauthorized_client',
    says: 'does not know the client in this tenant: check client_id and the tenant in the URL (unauthorized_client, AADSTS700016, HTTP 400)',
    cure: () => ({ client_id: CLIENT_ID }),
  },
  {
    what: 'another tenant in the token endpoint',
    server: ({ origin }) => ({ issuer: undefined, tokenEndpoint: `${origin}/contoso.com/oauth2/v2.0/token` }),
    code: 'invalid_request',
    says: 'does not know the tenant: check the URL (invalid_request, AADSTS90002, HTTP 400)',
  },
  {
    what: 'another tenant in the issuer',
    server: ({ origin }) => ({ issuer: `${origin}/contoso.com/v2.0` }),
    code: 'invalid_response',
    says: 'publishes no usable metadata',
  },
  {
    what: 'a scope without .default',
    token: { scope: `${DATAVERSE}/user_impersonation` },
    code: 'invalid_scope',
    says: '(invalid_scope, AADSTS1002012, HTTP 400)',
  },
  {
    what: 'the scope of a resource that is not in the tenant',
    token: { scope: 'https://other.crm4.dynamics.com/.default' },
    code: 'invalid_request',
    says: 'does not know the resource of this scope in this tenant: check the scope, and its consent (invalid_request, AADSTS500011, HTTP 400)',
  },
  {
    what: 'a user without consent',
    token: PASSWORD,
    credential: () => ({ client_secret: right, ...asUser('bob') }),
    code: 'invalid_grant',
    says: 'requires admin consent for the client: let an administrator grant it (invalid_grant, AADSTS65001, HTTP 400)',
    cure: () => asUser('ada'),
  },
  {
    what: 'a client that has no role of the resource',
    answers: [ENTRA_ANSWERS.notAssigned],
    code: 'invalid_grant',
    says: 'requires that the client is assigned to a role of the resource: assign it (invalid_grant, AADSTS501051, HTTP 400)',
  },
  {
    what: 'a wrong password',
    token: PASSWORD,
    credential: () => ({ client_secret: right, username: 'ada@contoso.com', password: secret('wrong') }),
    code: 'invalid_grant',
    says: 'does not accept the user name or password: correct username and password in the credential (invalid_grant, AADSTS50126, HTTP 400)',
    cure: () => asUser('ada'),
  },
  {
    what: 'a user who needs a second factor',
    token: PASSWORD,
    credential: () => ({ client_secret: right, ...asUser('eve') }),
    code: 'access_denied',
    says: 'use another grant, or exclude the account from the policy (access_denied, AADSTS50076, HTTP 400)',
    cure: () => asUser('ada'),
  },
  {
    what: 'a user whose password has expired',
    token: PASSWORD,
    credential: () => ({ client_secret: right, ...asUser('old') }),
    code: 'invalid_grant',
    says: 'reports that the password has expired: set a new one and put it into the credential (invalid_grant, AADSTS50055',
    cure: () => asUser('ada'),
  },
  {
    what: 'what a Conditional Access policy blocks',
    answers: [ENTRA_ANSWERS.conditionalAccess],
    code: 'invalid_grant',
    says: 'blocks the request by a Conditional Access policy (invalid_grant, AADSTS53003, HTTP 400)',
  },
  {
    what: 'a certificate that is not registered',
    server: CERTIFICATE,
    credential: () => pair(unregistered),
    code: 'invalid_client',
    says: 'register it, or correct the credential (invalid_client, AADSTS700027, HTTP 401)',
    cure: () => pair(registered),
  },
  {
    what: 'a key whose certificate nobody named',
    server: CERTIFICATE,
    credential: () => ({ private_key: registered.key }),
    code: 'invalid_client',
    says: 'AADSTS700027',
    cure: () => ({ certificate: registered.cert }),
  },
  {
    what: 'the ServiceAccount of another cluster',
    assertion: { ...projected, claims: { iss: 'https://kubernetes.default.svc' } },
    code: 'invalid_client',
    says: 'trusts no federated credential with the issuer of the assertion: compare it with that of the cluster (invalid_client, AADSTS700211',
  },
  {
    what: 'another ServiceAccount',
    assertion: { ...projected, serviceAccount: 'billing/billing-app' },
    code: 'invalid_client',
    says: 'with the subject of the assertion: compare it with the ServiceAccount (invalid_client, AADSTS700213',
  },
  {
    what: 'a ServiceAccount token for another audience',
    assertion: { ...projected, audiences: ['token-acquirer'] },
    code: 'invalid_client',
    says: 'with the audience of the assertion: compare the two (invalid_client, AADSTS700212',
  },
];

it('Entra ID gives a token to the second secret where the first has expired, without a failed request', async (context) => {
  const credential = () => ({ client_secret: expired, client_secret_next: right });
  const { entra, place } = await openEntra({ credential }, keeping(context));
  const { last_error, conditions } = await place.valid();
  expect(last_error).toBeUndefined();
  expect(conditions.find(({ type }) => type === 'SecretCurrent')).toMatchObject({
    status: 'False',
    reason: 'NextSecretInUse',
  });
  expect(entra.requests()).toBe(2);
});

it('Entra ID is not sent a ServiceAccount token that has expired', async (context) => {
  const given = { assertion: { ...projected, now: Date.now() - 7_200_000 } };
  const { entra, place } = await openEntra(given, keeping(context));
  const { last_error } = await place.failed('credential_unavailable');
  expect(last_error?.message).toMatch(/^The token in the assertionFile \S+ expired at /);
  expect(entra.requests()).toBe(0);
});

describe.concurrent('Entra ID rejects', () => {
  it.for(REFUSED)('$what, which is logged and not repeated', async ({ code, says, cure, ...given }, context) => {
    const { entra, place } = await openEntra(given, keeping(context));
    const { last_error, state, sha256 } = await place.failed(code);
    expect(last_error?.message).toContain('The authorization server corporate at login.microsoftonline.com:');
    expect(last_error?.message).toContain(says);
    expect([state, sha256]).toEqual(['Failing', undefined]);
    expect(entra.requests()).toBeLessThanOrEqual(1);
    if (cure === undefined) return;
    place.workplace.credential('dynamics', cure());
    expect((await place.valid()).sha256).toBe(entra.issued[0]?.slice(0, 8));
    expect(entra.requests()).toBeLessThanOrEqual(3);
  });
});

describe.concurrent('an authorization server that is unhealthy', () => {
  const cases: [string, VendorAnswer, TokenErrorCode, string][] = [
    [
      'Entra ID that throttles',
      ENTRA_ANSWERS.throttled(2),
      'rate_limited',
      'asks for fewer requests (rate_limited, HTTP 429)',
    ],
    [
      'Entra ID that is busy',
      ENTRA_ANSWERS.busy,
      'server_error',
      'returned a server error (server_error, AADSTS90006, HTTP 503)',
    ],
  ];

  it.for(cases)('%s is asked again by itself, and not before it said', async ([what, answer, code, says], context) => {
    const began = performance.now();
    const { entra, place } = await openEntra({ answers: [answer] }, keeping(context));
    expect((await place.failed(code)).last_error?.message).toContain(says);
    await place.valid();
    expect(entra.requests()).toBe(2);
    expect(performance.now() - began).toBeGreaterThan(what.endsWith('throttles') ? 1900 : 900);
  });

  it('Cognito that throttles is asked again by itself', async (context) => {
    const { cognito, place } = await openCognito({ answers: [COGNITO_ANSWERS.throttled] }, keeping(context));
    expect((await place.failed('rate_limited')).last_error?.message).toContain('(rate_limited, HTTP 429)');
    await place.valid();
    expect(cognito.requests()).toBe(2);
  });
});

interface CognitoGiven {
  readonly server?: (cognito: Cognito) => object;
  readonly credential?: Readonly<Record<string, string>>;
  readonly token?: object;
  readonly answers?: readonly VendorAnswer[];
}

async function openCognito(given: CognitoGiven, keep: Keep): Promise<{ cognito: Cognito; place: Place }> {
  const cognito = keep(await startCognito(authority, cognitoSecret));
  cognito.script.next(...(given.answers ?? []));
  const { issuer, domain } = cognito;
  const place = await openPlace({
    server: { issuer, tokenEndpointOrigin: domain, caFile: authority.caFile, ...given.server?.(cognito) },
    credential: { client_id: COGNITO_CLIENT, client_secret: cognitoSecret, ...given.credential },
    token: { scope: COGNITO_SCOPE, ...given.token },
  });
  return { cognito, place: keep(place) };
}

describe.concurrent('Cognito gives a token to', () => {
  it.for([
    ['a secret in the header', {}],
    ['a secret in the form', { server: () => ({ clientAuthentication: 'client_secret_post' }) }],
    [
      'one who names the token endpoint',
      {
        server: ({ domain }) => ({
          issuer: undefined,
          tokenEndpointOrigin: undefined,
          tokenEndpoint: `${domain}/oauth2/token`,
        }),
      },
    ],
  ] as [string, CognitoGiven][])('%s', async ([, given], context) => {
    const { cognito, place } = await openCognito(given, keeping(context));
    const { sha256, issued_at = '', expires_at = '' } = await place.valid();
    expect(sha256).toBe(cognito.issued[0]?.slice(0, 8));
    expect(Date.parse(expires_at) - Date.parse(issued_at)).toBe(3_600_000);
  });
});

describe.concurrent('Cognito rejects', () => {
  const cases: (CognitoGiven & { what: string; code: TokenErrorCode; says: string; asked: number })[] = [
    {
      what: 'a wrong secret',
      credential: { client_secret: secret('wrong') },
      code: 'invalid_client',
      says: 'does not accept the client (invalid_client, HTTP 400). Check client_id and client_secret in the credential',
      asked: 1,
    },
    {
      what: 'an app client that is not in the pool',
      credential: { client_id: 'aaaabbbbccccddddeeee' },
      code: 'invalid_client',
      says: '(invalid_client, HTTP 400)',
      asked: 1,
    },
    {
      what: 'an app client that may not use the grant',
      token: { grant: 'password' },
      credential: asUser('ada'),
      code: 'unauthorized_client',
      says: 'does not allow it the grant password',
      asked: 1,
    },
    {
      what: 'a grant that it does not have',
      answers: [COGNITO_ANSWERS.otherGrant],
      code: 'unsupported_grant_type',
      says: 'does not support the grant client_credentials (unsupported_grant_type, HTTP 400)',
      asked: 1,
    },
    {
      what: 'a malformed request',
      answers: [COGNITO_ANSWERS.malformed],
      code: 'invalid_request',
      says: 'rejected the request (invalid_request, HTTP 400). Check scope, resource',
      asked: 1,
    },
    {
      what: 'a scope that the app client was not given',
      token: { scope: 'incidents/write' },
      code: 'invalid_grant',
      says: '(invalid_grant, HTTP 400)',
      asked: 1,
    },
    {
      what: 'nothing, but its token endpoint is elsewhere, and nobody said that it may be',
      server: () => ({ tokenEndpointOrigin: undefined }),
      code: 'refused_address',
      says: 'if it is correct, set tokenEndpointOrigin to it',
      asked: 0,
    },
    {
      what: 'nothing, but another origin was named',
      server: () => ({ tokenEndpointOrigin: 'https://other.auth.eu-central-1.amazoncognito.com' }),
      code: 'refused_address',
      says: 'names a token endpoint at another origin, https://contoso.auth.',
      asked: 0,
    },
  ];

  it.for(cases)('$what, which is logged and not repeated', async ({ code, says, asked, ...given }, context) => {
    const { cognito, place } = await openCognito(given, keeping(context));
    const { last_error, sha256 } = await place.failed(code);
    expect(last_error?.message).toContain(says);
    expect(sha256).toBeUndefined();
    expect(cognito.requests()).toBe(asked);
  });

  it('a wrong secret no longer, as soon as the right one is in the credential', async (context) => {
    const { cognito, place } = await openCognito({ credential: { client_secret: secret('wrong') } }, keeping(context));
    await place.failed('invalid_client');
    place.workplace.credential('dynamics', { client_secret: cognitoSecret });
    expect((await place.valid()).sha256).toBe(cognito.issued[0]?.slice(0, 8));
  });
});
