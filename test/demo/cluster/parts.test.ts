import { mkdirSync, writeFileSync } from 'node:fs';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSystemClock } from '../../../src/adapters/node/system-clock.ts';
import {
  type Running,
  runAuthorizationServer,
  runGateway,
  runIncidentDesk,
  type Surroundings,
} from '../../../src/demo/cluster/parts.ts';
import { askForRevocation } from '../../../src/demo/cluster/revocation.ts';
import { createFakeClock } from '../../fakes/fake-clock.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import { registerSecret, secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { until } from '../../support/until.ts';

const APP = { clientId: 'billing-app', clientSecret: secret('billing-app') };
const GATEWAY = { clientId: 'gateway', clientSecret: secret('gateway') };

interface Told {
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

const { path: root, remove } = temporaryDirectory();
const log: Told[] = [];
const running: Running[] = [];
const clock = createFakeClock();
let authority: CertificateAuthority;
let issuer: string;
let gateway: string;
let revocation: string;

function surroundings(environment: Record<string, string>, time: Surroundings['clock'] = clock): Surroundings {
  return { environment, clock: time, log: (event, fields = {}) => log.push({ event, fields }) };
}

function mount(name: string, files: Record<string, string>): string {
  const folder = join(root, name);
  mkdirSync(folder);
  for (const [key, value] of Object.entries(files)) writeFileSync(join(folder, key), value);
  return folder;
}

function keyPair(): Record<string, string> {
  const { cert, key } = authority.issue();
  return { 'tls.crt': cert, 'tls.key': key };
}

beforeAll(async () => {
  authority = createCertificateAuthority();
  const [serverPort, gatewayPort, deskPort, control] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  revocation = `http://127.0.0.1:${control}`;
  issuer = `https://localhost:${serverPort}`;
  gateway = `https://localhost:${gatewayPort}`;
  const clients = [
    { ...APP, grants: ['client_credentials'] },
    { ...GATEWAY, grants: [] },
  ];
  const start = async (part: (given: Surroundings) => Promise<Running>, environment: Record<string, string>) =>
    running.push(await part(surroundings(environment)));
  await start(runAuthorizationServer, {
    LISTEN: `127.0.0.1:${serverPort}`,
    ISSUER: issuer,
    TOKEN_LIFETIME: '20s',
    REVOKE_EVERY: '90s',
    REVOCATION_PORT: String(control),
    SECRETS: mount('authorization-server', { ...keyPair(), 'clients.json': JSON.stringify(clients) }),
  });
  await start(runIncidentDesk, { LISTEN: `127.0.0.1:${deskPort}` });
  await start(runGateway, {
    LISTEN: `127.0.0.1:${gatewayPort}`,
    SERVICE: `http://127.0.0.1:${deskPort}`,
    INTROSPECTION_ENDPOINT: `${issuer}/token/introspection`,
    SECRETS: mount('gateway', { ...keyPair(), client_id: GATEWAY.clientId, client_secret: GATEWAY.clientSecret }),
    CA: mount('ca', { 'ca.crt': authority.ca }),
  });
});

afterAll(async () => {
  await Promise.all(running.map((part) => part.stop()));
  authority.remove();
  remove();
});

beforeEach(() => {
  log.length = 0;
});

interface Answer {
  readonly status: number | undefined;
  readonly body: Record<string, unknown>;
}

function call(url: string, options: { method?: string; authorization?: string; form?: string } = {}): Promise<Answer> {
  const { method = 'GET', authorization, form } = options;
  return new Promise((resolve, reject) => {
    const request = requestHttps(url, {
      method,
      ca: authority.ca,
      agent: false,
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += String(chunk)));
      response.on('end', () => {
        resolve({ status: response.statusCode, body: JSON.parse(text) as Record<string, unknown> });
      });
    });
    request.end(form);
  });
}

async function newToken(): Promise<string> {
  const basic = Buffer.from(`${APP.clientId}:${APP.clientSecret}`).toString('base64');
  const form = 'grant_type=client_credentials';
  const { body } = await call(`${issuer}/token`, { method: 'POST', authorization: `Basic ${basic}`, form });
  expect(body['expires_in']).toBe(20);
  const token = String(body['access_token']);
  registerSecret(token);
  return token;
}

async function statusWith(token: string): Promise<number | undefined> {
  return (await call(`${gateway}/incidents`, { authorization: `Bearer ${token}` })).status;
}

describe('the services of the example', () => {
  it('are found by discovery, under the name that they were given', async () => {
    const { body } = await call(`${issuer}/.well-known/openid-configuration`);
    expect(body).toMatchObject({ issuer, token_endpoint: `${issuer}/token` });
  });

  it('let a call with a token through to the service', async () => {
    const { status, body } = await call(`${gateway}/incidents`, { authorization: `Bearer ${await newToken()}` });
    expect(status).toBe(200);
    expect(body['incidents']).toHaveLength(3);
  });

  it('reject what is no token', async () => {
    expect(await statusWith('nonsense')).toBe(401);
    expect(log).toMatchObject([{ event: 'rejected', fields: { status: 401 } }]);
  });

  it('revoke the newest token on demand, and no other', async () => {
    const [older, newer] = [await newToken(), await newToken()];
    await askForRevocation(revocation);
    expect([await statusWith(older), await statusWith(newer)]).toEqual([200, 401]);
    const [issued, revoked] = [log.filter(({ event }) => event === 'token-issued'), log.at(2)];
    expect(revoked).toEqual({ event: 'token-revoked', fields: issued[1]?.fields });
  });

  it('revoke the newest token every now and then', async () => {
    const token = await newToken();
    await clock.advance(89_000);
    expect(await statusWith(token)).toBe(200);
    await clock.advance(1000);
    await until('The revocation', async () => (await statusWith(token)) === 401, 5000);
  });

  it('say that there is nothing to revoke', async () => {
    await newToken();
    await askForRevocation(revocation);
    await expect(askForRevocation(revocation)).rejects.toThrow(/because none is in force/);
  });

  it.each([
    ['the authorization server', runAuthorizationServer, 'SECRETS is not set.'],
    ['the gateway', runGateway, 'SECRETS is not set.'],
    ['the service', runIncidentDesk, 'LISTEN is not set.'],
  ])('say what %s lacks', async (_, part, sentence) => {
    await expect(part(surroundings({}, createSystemClock()))).rejects.toThrow(sentence);
  });
});
