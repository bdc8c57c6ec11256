import { describe, expect, it } from 'vitest';
import type { AccessToken, AccessTokenSpec } from '../../src/core/access-token.ts';
import type { Judgement, Services } from '../../src/token-acquirer/configuration/offers.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError } from '../../src/token-acquirer/configuration/problems.ts';

const SERVERS = `authorizationServers:
  corporate: { issuer: https://login.example.com/realms/corp }
  login: { protocol: http_login, url: https://login.example.com/login, token: { pointer: /token } }
`;
const SERVICE = `services:
  dynamics:
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    scope: base
    renewal: { at: 50% }
    namespaces: [billing, crm]
    scopes: [read, write]
    shortestInterval: 5m
`;
const TOKENS = `tokens:
  - name: other
    authorizationServer: corporate
    credential: other
    grant: client_credentials
    secret: { namespace: billing, name: configured }
`;

function servicesIn(text: string): Services {
  return parseConfiguration(text, '/etc/token-acquirer/config.yaml').services;
}

function faultsOf(text: string): string[] {
  try {
    servicesIn(text);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ path, message }) => `${path.join('.')} ${message}`);
  }
  return [];
}

let made = 0;

function accessToken(spec: Partial<AccessTokenSpec> = {}, given: Partial<AccessToken> = {}): AccessToken {
  made += 1;
  return {
    namespace: 'billing',
    name: 'incidents',
    uid: `uid-${made}`,
    generation: 1,
    createdAt: made,
    spec: { service: 'dynamics', ...spec },
    status: {},
    ...given,
  };
}

function judged(...resources: AccessToken[]): readonly Judgement[] {
  return servicesIn(SERVERS + SERVICE + TOKENS).judge(resources);
}

function rejectionOf(resource: AccessToken): string {
  const [judgement] = judged(resource);
  return judgement?.kind === 'rejected' ? `${judgement.reason}: ${judgement.message}` : 'accepted';
}

describe('a service', () => {
  it('has the keys of a token, but none that an AccessToken states', () => {
    expect(faultsOf(SERVERS + SERVICE + TOKENS)).toEqual([]);
    const faults = faultsOf(`${SERVERS}${SERVICE}    secret: { namespace: billing, name: x }\n${TOKENS}`);
    expect(faults).toEqual([expect.stringMatching(/^services\.dynamics\.secret is an unknown key/)]);
  });

  it.each([
    [
      'an unknown server',
      'corporate\n    credential',
      'corporal\n    credential',
      'authorizationServer names no entry of',
    ],
    [
      'a key of another protocol',
      'grant: client_credentials\n    scope',
      'pointer: /x\n    grant: client_credentials\n    scope',
      'pointer is an unknown key',
    ],
    ['no grant', '    grant: client_credentials\n    scope', '    scope', 'grant must be one of'],
    ['no namespace', '[billing, crm]', '[]', 'namespaces must name a namespace'],
    ['a scope with a space', '[read, write]', '["read write"]', 'scopes.0 must be one scope'],
    ['an interval that is none', '5m', 'soon', 'shortestInterval must be a duration'],
    [
      'a refresh token, which one token only can spend',
      'grant: client_credentials\n    scope',
      'grant: refresh_token\n    scope',
      'grant spends the refresh token',
    ],
    [
      'keys that do not fit each other',
      'grant: client_credentials\n    scope',
      'exchange: {}\n    grant: client_credentials\n    scope',
      'exchange works only with grant: token_exchange',
    ],
  ])('is rejected with %s', (_, from, to, fault) => {
    const faults = faultsOf(SERVERS + SERVICE.replace(from, to) + TOKENS);
    expect(faults).toContainEqual(expect.stringContaining(`services.dynamics.${fault}`));
  });

  it.each([
    ['a service', SERVERS + SERVICE.replace('grant: client_credentials', 'exchange: {}') + TOKENS, 'services.dynamics'],
    ['a token', SERVERS + TOKENS.replace('grant: client_credentials', 'exchange: {}'), 'tokens.0'],
  ])('is rejected without a grant, also with keys of one: %s', (_, text, place) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(`${place}.grant must be one of`)]);
  });

  it('is deleted by a null of a later values file', () => {
    expect(servicesIn(`${SERVERS}services: { dynamics: null }\n${TOKENS}`).namespaces).toEqual([]);
  });

  it('names the namespaces that are looked at', () => {
    expect(servicesIn(SERVERS + SERVICE + TOKENS).namespaces).toEqual(['billing', 'crm']);
  });

  it('needs a cluster', () => {
    const { cluster } = parseConfiguration(`${SERVERS}${SERVICE}tokens: []\n`, '/etc/config.yaml');
    expect(cluster.neededBy).toBe('services.dynamics is for AccessTokens');
  });
});

describe('an AccessToken that a service allows', () => {
  it('is the token that the configuration could have', () => {
    const [judgement] = judged(
      accessToken({ serviceAccounts: ['billing-app'], clientApp: { selector: 'app=billing' } }),
    );
    expect(judgement).toMatchObject({
      kind: 'accepted',
      specification: {
        identity: { namespace: 'billing', secret: 'incidents', name: 'incidents' },
        key: 'incidents',
        authorizationServer: 'corporate',
        credential: 'dynamics',
        scope: 'base',
        renewal: { at: 0.5 },
        clients: ['system:serviceaccount:billing:billing-app'],
        clientApp: { namespace: 'billing', selector: 'app=billing', secret: 'incidents' },
        delivery: 'secret',
        copies: [],
        shard: 0,
      },
    });
  });

  it.each<[string, Partial<AccessTokenSpec>, object]>([
    ['a scope of the list', { scope: 'read  write' }, { scope: 'read write' }],
    ['the scope of the service', { scope: 'base' }, { scope: 'base' }],
    ['an interval', { renewal: { interval: '5m' } }, { renewal: { interval: 300_000 } }],
    ['a part of the lifetime', { renewal: { at: '80%' } }, { renewal: { at: 0.8 } }],
    [
      'the name of its Secret',
      { secretName: 'mine' },
      { identity: { namespace: 'billing', secret: 'mine', name: 'incidents' } },
    ],
  ])('chooses %s', (_, spec, expected) => {
    expect(judged(accessToken(spec))[0]).toMatchObject({ kind: 'accepted', specification: expected });
  });

  it('may have its token revoked at its end, which changes no token', () => {
    const services = servicesIn(SERVERS + SERVICE.replace('scope: base', 'allowRevokeOnDelete: true') + TOKENS);
    const specified = (spec: Partial<AccessTokenSpec>): unknown => {
      const [judgement] = services.judge([accessToken(spec)]);
      return judgement?.kind === 'accepted' && judgement.specification;
    };
    expect(specified({ revokeOnDelete: true })).toEqual(specified({}));
    expect(specified({ revokeOnDelete: false })).toBeTypeOf('object');
  });

  it('keeps its specification until its spec changes, however often it is judged', () => {
    const services = servicesIn(SERVERS + SERVICE + TOKENS);
    const resource = accessToken();
    const specified = (one: AccessToken): unknown => {
      const [judgement] = services.judge([one]);
      return judgement?.kind === 'accepted' && judgement.specification;
    };
    const first = specified(resource);
    for (let generation = 2; generation < 20; generation += 1) specified(accessToken({ scope: 'read' }));
    expect(specified({ ...resource, generation: 2, status: { secretName: 'incidents' } })).toEqual(first);
    expect(specified(resource)).toBe(specified({ ...resource }));
  });

  it('asks for another token if its scope is another one', () => {
    const [one, other] = judged(accessToken(), accessToken({ scope: 'read' }, { name: 'second' }));
    expect(one?.kind === 'accepted' && one.specification.requestFingerprint).not.toBe(
      other?.kind === 'accepted' && other.specification.requestFingerprint,
    );
  });
});

describe('an AccessToken that no service allows', () => {
  it.each<[string, AccessToken, string]>([
    [
      'a service that does not exist',
      accessToken({ service: 'nothing' }),
      'ServiceUnknown: There is no service nothing for the namespace billing. ',
    ],
    [
      'a service of other namespaces, which looks the same',
      accessToken({}, { namespace: 'sales' }),
      'ServiceUnknown: There is no service dynamics for the namespace sales. ',
    ],
    [
      'a name of every object',
      accessToken({ service: 'constructor' }),
      'ServiceUnknown: There is no service constructor',
    ],
    [
      'a wider scope',
      accessToken({ scope: 'read admin' }),
      'ScopeNotAllowed: The service does not allow the scope admin. ',
    ],
    [
      'a shorter interval',
      accessToken({ renewal: { interval: '4m59s' } }),
      'IntervalNotAllowed: The interval 4m59s is shorter than 5m',
    ],
    [
      'a revocation at its end',
      accessToken({ revokeOnDelete: true }),
      'RevocationNotAllowed: The service does not allow its tokens to be revoked. ',
    ],
    [
      'the Secret of a token of the configuration',
      accessToken({ secretName: 'configured' }),
      'SecretTaken: The Secret billing/configured belongs to a token of the configuration. ',
    ],
    [
      'a spec that cannot be read',
      accessToken({}, { fault: 'spec.renewal takes either interval or at.' }),
      'SpecInvalid: spec.renewal takes either interval or at. Correct it.',
    ],
  ])('asks for %s', (_, resource, expected) => {
    expect(rejectionOf(resource)).toContain(expected);
  });

  it('asks for the Secret of an older one', () => {
    const older = accessToken({ secretName: 'shared' }, { name: 'older' });
    const younger = accessToken({ secretName: 'shared' }, { name: 'younger' });
    const [second, first] = judged(younger, older);
    expect(first?.kind).toBe('accepted');
    expect(second).toMatchObject({ kind: 'rejected', reason: 'SecretTaken' });
    expect(second?.kind === 'rejected' && second.message).toContain('belongs to the AccessToken older.');
  });
});
