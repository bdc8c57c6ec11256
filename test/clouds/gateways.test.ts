import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { secret } from '../support/secrets.ts';
import { COGNITO_CLIENT, COGNITO_SCOPE, startCognito } from './cognito.ts';
import { CLIENT_ID, DATAVERSE, startEntra, TENANT } from './entra.ts';
import {
  API_MANAGEMENT,
  DATAVERSE_ANSWERS,
  ENVOY,
  type GatewayCase,
  HTTP_API,
  type Outcome,
  REST_API,
} from './gateway-answers.ts';
import { openPlace } from './place.ts';
import { bodyOf, send } from './vendor-answer.ts';

let authority: CertificateAuthority;
beforeAll(() => {
  authority = createCertificateAuthority();
});
afterAll(() => authority.remove());

/** What a cloud's authorization server has given out, and how the token-acquirer reaches it. */
interface Cloud {
  readonly server: object;
  readonly credential: Readonly<Record<string, string>>;
  readonly token: object;
  readonly issued: readonly string[];
  requests(): number;
  stop(): Promise<void>;
}

async function azure(): Promise<Cloud> {
  const clientSecret = secret('client-secret');
  const entra = await startEntra(authority, { secrets: { [clientSecret]: 'valid' } });
  return {
    ...entra,
    server: { issuer: `${entra.origin}/${TENANT}/v2.0`, caFile: authority.caFile },
    credential: { client_id: CLIENT_ID, client_secret: clientSecret },
    token: { scope: `${DATAVERSE}/.default` },
  };
}

async function aws(): Promise<Cloud> {
  const clientSecret = secret('client-secret');
  const cognito = await startCognito(authority, clientSecret);
  const { issuer, domain } = cognito;
  return {
    ...cognito,
    server: { issuer, tokenEndpointOrigin: domain, caFile: authority.caFile },
    credential: { client_id: COGNITO_CLIENT, client_secret: clientSecret },
    token: { scope: COGNITO_SCOPE },
  };
}

interface Called {
  readonly response: Response;
  readonly gateway: Gateway;
  /** Token requests because of the call. */
  readonly requested: number;
}

/** A call with a token that the gateway takes no more, though it has not expired. */
async function callWithRevoked(
  { answer, outcome, options }: GatewayCase,
  start: () => Promise<Cloud>,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
): Promise<Called> {
  const cloud = await start();
  onTestFinished(() => cloud.stop());
  const gateway = await startGateway((_, response) => send(response, answer));
  onTestFinished(() => gateway.stop());
  const place = await openPlace(cloud);
  onTestFinished(() => place.stop());
  const call = await place.call({ ...options, origins: [gateway.url] });
  const [first = ''] = cloud.issued;
  gateway.accepted.add(first);
  expect(await (await call(`${gateway.url}/incidents`)).text()).toBe('executed GET with 0 bytes');
  gateway.accepted.delete(first);
  const before = cloud.requests();
  if (outcome === 'cured') whenIssued(cloud, gateway);
  const response = await call(`${gateway.url}/incidents`, { method: 'POST', body: '{"title":"leak"}' });
  return { response, gateway, requested: cloud.requests() - before };
}

/** The gateway takes every other token that is issued. */
function whenIssued({ issued }: Cloud, { accepted }: Gateway): void {
  const [first] = issued;
  accepted.has = (hash) => hash !== first && issued.includes(hash);
}

const REQUESTED: Readonly<Record<Outcome, number>> = { cured: 1, 'without success': 1, 'left alone': 0 };

const GATEWAYS: [string, readonly GatewayCase[], () => Promise<Cloud>][] = [
  ['API Management', API_MANAGEMENT, azure],
  ['Dynamics 365', DATAVERSE_ANSWERS, azure],
  ['an HTTP API of API Gateway', HTTP_API, aws],
  ['a REST API of API Gateway', REST_API, aws],
  ['Envoy', ENVOY, azure],
];

describe.concurrent.each(GATEWAYS)('what %s answers to', (_gateway, cases, start) => {
  it.for(cases.map((one) => [one.what, one.outcome, one] as const))('%s is %s', async ([, outcome, given], context) => {
    const { response, gateway, requested } = await callWithRevoked(given, start, context);
    expect(requested).toBe(REQUESTED[outcome]);
    const text = await response.text();
    if (outcome === 'cured') {
      expect([response.status, text]).toEqual([200, 'executed POST with 16 bytes']);
    } else {
      expect([response.status, text]).toEqual([given.answer.status, bodyOf(given.answer)]);
      for (const [name, value] of Object.entries(given.answer.headers ?? {})) {
        expect(response.headers.get(name)).toBe(value);
      }
    }
    // The call before it, then one or two, each with exactly one token.
    expect(gateway.seen.map(({ tokens }) => tokens.length)).toEqual(Array(2 + requested).fill(1));
    expect(new Set(gateway.seen.flatMap(({ tokens }) => tokens)).size).toBe(1 + requested);
    expect(gateway.executed()).toBe(outcome === 'cured' ? 2 : 1);
  });
});
