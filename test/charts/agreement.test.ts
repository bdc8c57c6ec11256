import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError, pathText } from '../../src/token-acquirer/configuration/problems.ts';
import { configurationSchema } from '../../src/token-acquirer/configuration/schema.ts';
import { CommandFailed } from '../real/install/run.ts';
import { realParts } from '../real/real-parts.ts';
import { CHART, HELMS, minimal, openChart, tokenWith } from './chart.ts';

const ISSUER = { issuer: 'https://login.example.com' };
const ENDPOINT = { tokenEndpoint: 'https://login.example.com/token' };
const server = (more: object): object => ({ authorizationServers: { corporate: more } });
const token = (more: object): object => ({ tokens: [tokenWith(more)] });
const client = (more: object): object => token({ clients: [more] });
const KUBERNETES = { namespace: 'billing', serviceAccount: 'billing-app' };
const SECRET = { namespace: 'billing', name: 'billing-tokens' };
const WITHOUT_IDENTITY = { authorizationServer: 'corporate', credential: 'dynamics', grant: 'client_credentials' };
const TWO_WAYS = { interval: '10m', at: '50%' };
const FILE = { name: 'billing', tokenFile: '/run/billing/token' };
const LOGIN = { protocol: 'http_login', url: 'https://login.example.com/login', token: { pointer: '/token' } };
const LOGIN_MORE = {
  body: { format: 'form', fields: { user: { credential: 'username' }, tenant: { value: 7 } } },
  headers: { 'X-Api-Key': { credential: 'client_secret' } },
  lifetime: { header: 'X-Ttl' },
  logout: { method: 'POST', headers: [{ name: 'X-Auth-Token', prefix: '' }] },
  defaultLifetime: '10m',
};
const CERTIFICATE = { certificateFile: '/tls/tls.crt', privateKeyFile: '/tls/tls.key' };

/** Refinements, which no JSON Schema has by itself: rules for several keys together, and names that nobody may choose. */
const TAKEN: readonly (readonly [string, object])[] = [
  ['a token endpoint without an issuer', server(ENDPOINT)],
  ['both issuer and token endpoint', server({ ...ISSUER, ...ENDPOINT })],
  [
    'signed assertions for the issuer',
    server({
      ...ISSUER,
      ...ENDPOINT,
      clientAuthentication: 'private_key_jwt',
      assertionKeyId: 'key-1',
      assertionAudience: 'issuer',
    }),
  ],
  [
    'signed assertions for the token endpoint',
    server({ ...ENDPOINT, clientAuthentication: 'private_key_jwt', assertionAudience: 'token_endpoint' }),
  ],
  ['an at sign in the path of a URL', server({ issuer: 'https://login.example.com/users/@billing' })],
  ['plain http on loopback', server({ issuer: 'http://127.0.0.1:8080/realms/corp' })],
  [
    'an assertion of a workload identity',
    server({ ...ISSUER, clientAuthentication: 'workload_identity', assertionFile: '/run/assertion' }),
  ],
  ['a JWT-SVID', server({ ...ISSUER, clientAuthentication: 'jwt_spiffe', assertionFile: '/run/svid' })],
  [
    'a signed assertion',
    token({ grant: 'jwt_bearer', assertion: { subject: 'ada', claims: { scope: 'read', n: 1 } } }),
  ],
  ['an assertion in a file', token({ grant: 'jwt_bearer', assertion: { file: '/run/assertion' } })],
  [
    'a token to exchange',
    token({ grant: 'token_exchange', exchange: { subjectTokenFile: '/run/token', requestedTokenType: 'id_token' } }),
  ],
  ['ninety percent', token({ renewal: { at: '90%' } })],
  ['a caller by its ServiceAccount', client(KUBERNETES)],
  ['a caller by a file', client(FILE)],
  ['a ServiceAccount of two labels', client({ ...KUBERNETES, serviceAccount: 'billing.app' })],
  ['a client app by its URL', token({ clientApp: { healthUrl: 'https://billing.example.com/healthz' } })],
  ['parameters of the request', token({ parameters: { claims: 'none', resource: ['a', 'b'] } })],
  ['a certificate with its CA', { endpoint: { ...CERTIFICATE, caFile: '/tls/ca.crt' } }],
  ['tokens by their identity', { tokens: { 'billing/billing-tokens/dynamics': WITHOUT_IDENTITY } }],
  ['tokens by a name', { tokens: { dynamics: { ...WITHOUT_IDENTITY, secret: SECRET }, other: null } }],
  ['tokens by a label', { tokens: { 'Team_A.dynamics': { ...WITHOUT_IDENTITY, name: 'dynamics', secret: SECRET } } }],
  [
    'what else is said of the Secret of a token by its identity',
    { tokens: { 'billing/billing-tokens/dynamics': { ...WITHOUT_IDENTITY, secret: { readers: 'library' } } } },
  ],
  ['no token of a mapping', { tokens: {} }],
  ['an authorization server that is null', { authorizationServers: { corporate: ISSUER, old: null } }],
  ['copies of a token', token({ copies: [{ key: 'credential', form: 'bearer' }] })],
  ['a token in another header', token({ header: { name: 'X-Auth-Token', prefix: '' } })],
  ['a token after another text', token({ header: { prefix: 'Token ' } })],
  ['a GitHub App', server({ protocol: 'github_app' })],
  ['the default protocol by its name', server({ protocol: 'oauth', ...ISSUER })],
  ['a login', server(LOGIN)],
  ['a login with everything', server({ ...LOGIN, ...LOGIN_MORE })],
  ['an installation', token({ installation: 42, repositories: ['a'], permissions: { contents: 'read' } })],
  ['its own CA', { endpoint: { authoritySecret: 'ca', service: 'tokens' } }],
];

/** With the place that helm 3 names, and helm 4 with slashes. */
const REFUSED: readonly (readonly [string, object, string])[] = [
  ['neither issuer nor token endpoint', server({}), 'config.authorizationServers.corporate'],
  [
    'a key ID without a signed assertion',
    server({ ...ISSUER, assertionKeyId: 'key-1' }),
    'config.authorizationServers.corporate',
  ],
  [
    'the audience issuer without an issuer',
    server({ ...ENDPOINT, clientAuthentication: 'private_key_jwt', assertionAudience: 'issuer' }),
    'config.authorizationServers.corporate',
  ],
  [
    'an audience that is neither a word nor a URI',
    server({ ...ISSUER, clientAuthentication: 'private_key_jwt', assertionAudience: 'login' }),
    'config.authorizationServers.corporate',
  ],
  [
    'an assertion without a workload identity',
    server({ ...ISSUER, assertionFile: '/run/assertion' }),
    'config.authorizationServers.corporate',
  ],
  [
    'a JWT-SVID without a file',
    server({ ...ISSUER, clientAuthentication: 'jwt_spiffe' }),
    'config.authorizationServers.corporate',
  ],
  [
    'a signed assertion in a file',
    token({ grant: 'jwt_bearer', assertion: { file: '/run/assertion', subject: 'ada' } }),
    'config.tokens.0.assertion',
  ],
  [
    'a claim that another key sets',
    token({ grant: 'jwt_bearer', assertion: { claims: { sub: 'ada' } } }),
    'config.tokens.0.assertion.claims',
  ],
  [
    'a refresh token to ask for',
    token({
      grant: 'token_exchange',
      exchange: { requestedTokenType: 'urn:ietf:params:oauth:token-type:refresh_token' },
    }),
    'config.tokens.0.exchange.requestedTokenType',
  ],
  [
    'plain http to a host that begins like loopback',
    server({ issuer: 'http://localhost.example.com' }),
    'config.authorizationServers.corporate.issuer',
  ],
  ['a URL without a host', server({ issuer: 'https://' }), 'config.authorizationServers.corporate.issuer'],
  ['two ways to renew', token({ renewal: TWO_WAYS }), 'config.tokens.0.renewal'],
  ['more than ninety percent', token({ renewal: { at: '91%' } }), 'config.tokens.0.renewal.at'],
  ['less than one percent', token({ renewal: { at: '0.5%' } }), 'config.tokens.0.renewal.at'],
  ['an interval of zero', token({ renewal: { interval: '0s' } }), 'config.tokens.0.renewal.interval'],
  ['a caller without a name', client({}), 'config.tokens.0.clients.0'],
  ['a caller with half of a name', client({ namespace: 'billing' }), 'config.tokens.0.clients.0'],
  ['a caller with two names', client({ ...KUBERNETES, ...FILE }), 'config.tokens.0.clients.0'],
  ['a client app that nothing finds', token({ clientApp: {} }), 'config.tokens.0.clientApp'],
  ['a selector without a namespace', token({ clientApp: { selector: 'app=a' } }), 'config.tokens.0.clientApp'],
  [
    'two ways to find a client app',
    token({ clientApp: { healthUrl: 'https://a.example', pidFile: '/run/a' } }),
    'config.tokens.0.clientApp',
  ],
  ['a credential among the parameters', token({ parameters: { client_secret: 'x' } }), 'config.tokens.0.parameters'],
  ['a copy as a document', token({ copies: [{ key: 'a.json', form: 'raw' }] }), 'config.tokens.0.copies.0.key'],
  ['a copy as the CA', token({ copies: [{ key: 'ca.crt', form: 'raw' }] }), 'config.tokens.0.copies.0.key'],
  ['a copy from a template', token({ copies: [{ key: 'a', form: '{{token}}' }] }), 'config.tokens.0.copies.0.form'],
  ['a token in a header of HTTP itself', token({ header: { name: 'COOKIE' } }), 'config.tokens.0.header.name'],
  ['a header name with a space', token({ header: { name: 'X Auth' } }), 'config.tokens.0.header.name'],
  ['a prefix that runs into the token', token({ header: { prefix: 'Bearer' } }), 'config.tokens.0.header.prefix'],
  ['a folder that leads upwards', token({ credential: 'a..b' }), 'config.tokens.0.credential'],
  ['a key that leads upwards', token({ key: 'a..b' }), 'config.tokens.0.key'],
  ['a name with an empty part', client({ ...KUBERNETES, serviceAccount: 'a..b' }), 'config.tokens.0.clients.0'],
  ['an unknown protocol', server({ protocol: 'saml' }), 'config.authorizationServers.corporate.protocol'],
  [
    'a login without a place of its token',
    server({ ...LOGIN, token: {} }),
    'config.authorizationServers.corporate.token',
  ],
  [
    'a setting of OAuth at a login',
    server({ ...LOGIN, issuer: 'https://a.example' }),
    'config.authorizationServers.corporate',
  ],
  [
    'a pointer without a slash',
    server({ ...LOGIN, token: { pointer: 'token' } }),
    'config.authorizationServers.corporate.token',
  ],
  ['an installation that is no number', token({ installation: 'billing' }), 'config.tokens.0.installation'],
  [
    'an unknown kind of permission',
    token({ permissions: { contents: 'all' } }),
    'config.tokens.0.permissions.contents',
  ],
  ['a token of no form', { tokens: 'dynamics' }, 'config.tokens'],
  ['a token in a list that is null', { tokens: [null] }, 'config.tokens.0'],
  ['a token in a mapping that is a text', { tokens: { dynamics: 'a' } }, 'config.tokens.dynamics'],
  [
    'a name of a token in a mapping that is no label',
    { tokens: { a: tokenWith({ name: 'A!' }) } },
    'config.tokens.a.name',
  ],
  ['two ways to renew in a mapping', { tokens: { a: tokenWith({ renewal: TWO_WAYS }) } }, 'config.tokens.a.renewal'],
  ['a certificate without its key', { endpoint: { certificateFile: '/tls/tls.crt' } }, 'config.endpoint'],
  ['a CA without a certificate', { endpoint: { caFile: '/tls/ca.crt' } }, 'config.endpoint'],
  ['a certificate next to a CA', { endpoint: { ...CERTIFICATE, authoritySecret: 'a' } }, 'config.endpoint'],
];

const configurationOf = (values: object): unknown => JSON.parse(JSON.stringify((values as { config: object }).config));
const accepts = (values: object): boolean => configurationSchema.safeParse(configurationOf(values)).success;

describe.each(HELMS)('the schema of values, checked by %s like the token-acquirer does,', (name) => {
  const chart = realParts(() => openChart(name));
  const saidOf = async (values: object): Promise<string> => {
    try {
      await chart().text(values);
      return '';
    } catch (error) {
      if (error instanceof CommandFailed) return error.output;
      throw error;
    }
  };

  it.each(TAKEN)('takes %s', async (_, config) => {
    const values = minimal({}, config);
    expect(accepts(values)).toBe(true);
    expect(await saidOf(values)).not.toContain('schema');
  });

  it.each(REFUSED)('rejects %s', async (_, config, path) => {
    const values = minimal({}, config);
    expect(accepts(values)).toBe(false);
    const said = await saidOf(values);
    expect(said).toContain("values don't meet the specifications of the schema");
    expect([path, `/${path.replaceAll('.', '/')}`].some((place) => said.includes(place))).toBe(true);
  });
});

/** No schema compares a key with what is below it, so templates do, with the sentences of the token-acquirer. */
const IDENTITIES: readonly (readonly [string, object])[] = [
  ['another name than that of the key', { 'a/b/c': { ...WITHOUT_IDENTITY, name: 'd' } }],
  ['another Secret than that of the key', { 'a/b/c': { ...WITHOUT_IDENTITY, secret: { namespace: 'd', name: 'e' } } }],
  ['a key of two parts', { 'billing/dynamics': tokenWith({}) }],
  ['a key with a part that is no label', { 'billing/Tokens/dynamics': WITHOUT_IDENTITY, '-a': tokenWith({}) }],
  ['half of a Secret', { dynamics: { ...WITHOUT_IDENTITY, secret: { namespace: 'a' } } }],
  ['no Secret', { dynamics: WITHOUT_IDENTITY }],
  ['neither a name nor a Secret', { 'a.b': WITHOUT_IDENTITY, 'c/d/e': { ...WITHOUT_IDENTITY, name: 'f' } }],
];

/** Of a configuration that passes every other check, without their places in the file. */
function faultsOf(config: object): string[] {
  try {
    parseConfiguration(JSON.stringify(config), '/config.yaml');
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ path, message }) => `${pathText(path)}${message}`);
  }
  return [];
}

describe('the identity of a token in a mapping', () => {
  const chart = realParts(() => openChart('helm 4'));

  it.each(IDENTITIES)('is rejected by both, in the same words: %s', async (_, tokens) => {
    const config = { authorizationServers: { corporate: ISSUER }, tokens };
    const expected = faultsOf(config);
    const messages = await chart().faults(minimal({}, config));
    const comparable = (texts: readonly string[]): string[] =>
      texts
        .map((text) => text.replace(/^config\.|: (?:add it, or )?correct the key\.$/g, '').replaceAll(/[\s:;,.]/g, ''))
        .toSorted();
    expect(expected.length).toBeGreaterThan(0);
    expect(comparable(messages)).toEqual(comparable(expected));
  });
});

/** Whether a token needs a grant depends on its server, so the schema knows it only where all servers have OAuth. */
describe.each(HELMS)('the grant of a token, checked by %s,', (name) => {
  const chart = realParts(() => openChart(name));
  const oauth = { ...WITHOUT_IDENTITY, name: 'dynamics', secret: SECRET };
  const { grant: _, ...grantless } = oauth;
  const github = {
    authorizationServer: 'github',
    credential: 'github',
    installation: 1,
    name: 'github',
    secret: SECRET,
  };
  const servers = { corporate: ISSUER, github: { protocol: 'github_app' } };
  const outcome = async (authorizationServers: object, tokens: object): Promise<string> => {
    try {
      await chart().text(minimal({}, { authorizationServers, tokens }));
      return '';
    } catch (error) {
      if (error instanceof CommandFailed) return error.output;
      throw error;
    }
  };

  it.each([
    ['a list', [grantless]],
    ['a mapping', { dynamics: grantless }],
  ])('is asked for by the schema in %s, where all servers have OAuth', async (_what, tokens) => {
    const said = await outcome({ corporate: ISSUER }, tokens);
    expect(said).toContain("values don't meet the specifications of the schema");
    expect(said).toContain('grant');
  });

  it('is asked for by a template, where a server has another protocol', async () => {
    expect(await outcome(servers, [grantless, github])).toContain('config.tokens[0].grant is missing');
  });

  it('is not asked for at a server with another protocol, and rejected there', async () => {
    expect(await outcome(servers, [oauth, github])).toBe('');
    const said = await outcome(servers, [oauth, { ...github, grant: 'password' }]);
    expect(said).toContain('config.tokens[1].grant works only with protocol: oauth');
  });
});

interface TextSchema {
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly allOf?: readonly TextSchema[];
  readonly not?: TextSchema;
}

function takes({ pattern, maxLength, minLength, allOf = [], not }: TextSchema, text: string): boolean {
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(text)) return false;
  if (text.length > (maxLength ?? text.length) || text.length < (minLength ?? 0)) return false;
  return allOf.every((one) => takes(one, text)) && !(not !== undefined && takes(not, text));
}

/** The part of values.schema.json at this path. */
function schemaAt(path: string): TextSchema {
  const schema: unknown = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));
  return path.split('/').reduce((node, key) => (node as Record<string, unknown>)[key], schema) as TextSchema;
}

const TOKEN = 'properties/config/properties/tokens/items/properties';
const SERVER = 'properties/config/properties/authorizationServers/additionalProperties/allOf/0/then/properties';

/** Texts that are nearly right: most of what people get wrong. */
const TEXTS = [
  {
    what: 'names',
    path: `${TOKEN}/name`,
    text: fc.stringMatching(/^[-a-zA0_]{0,4}(?:a{58,62})?[-a.]{0,2}$/),
    put: (name: string) => token({ name }),
  },
  {
    what: 'names of ServiceAccounts',
    path: `${TOKEN}/clients/items/properties/serviceAccount`,
    text: fc.stringMatching(/^[-a.A]{0,6}(?:a{61,63})?[-a.]{0,3}$/),
    put: (serviceAccount: string) => client({ ...KUBERNETES, serviceAccount }),
  },
  {
    what: 'credentials',
    path: `${TOKEN}/credential`,
    text: fc.stringMatching(/^[-._aZ9/]{0,6}$/),
    put: (credential: string) => token({ credential }),
  },
  {
    what: 'durations',
    path: `${TOKEN}/renewal/properties/interval`,
    text: fc.stringMatching(/^(?:[0-2.]{0,3}(?:ms|s|m|h|d|w| )?){0,3}$/),
    put: (interval: string) => token({ renewal: { interval } }),
  },
  {
    what: 'percentages',
    path: `${TOKEN}/renewal/properties/at`,
    text: fc.stringMatching(/^[0-9]{0,3}(?:\.[0-9]{0,2})?%?$/),
    put: (at: string) => token({ renewal: { at } }),
  },
  {
    what: 'URLs in lower case',
    path: `${SERVER}/issuer`,
    text: fc.stringMatching(
      /^(?:https?|ftp):\/\/(?:me@|me:a@)?(?:localhost|127\.0\.0\.1|\[::1\]|a\.example)(?::80)?(?:[/?#][a@/?#]{0,4})?$/,
    ),
    put: (issuer: string) => server({ issuer }),
  },
] as const;

describe('the patterns of values.schema.json', () => {
  it.each(TEXTS)('agree with the token-acquirer about $what', ({ path, text, put }) => {
    const schema = schemaAt(path);
    expect(schema.pattern).toBeDefined();
    fc.assert(
      fc.property(text, (one) => {
        expect([one, takes(schema, one)]).toEqual([one, accepts(minimal({}, put(one)))]);
      }),
      { numRuns: 400 },
    );
  });
});
