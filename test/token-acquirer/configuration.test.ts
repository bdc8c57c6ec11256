import { describe, expect, it } from 'vitest';
import type { OAuthServerSettings, ServerSettings } from '../../src/ports/protocols.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError } from '../../src/token-acquirer/configuration/problems.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';
import { warningsOf } from '../../src/token-acquirer/configuration/warnings.ts';

const SERVER = `authorizationServers:
  corporate:
    issuer: https://login.example.com/realms/corp
`;
const TOKEN = `tokens:
  - name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    secret: { namespace: billing, name: billing-tokens }
`;

const LOGIN = `authorizationServers:
  corporate:
    protocol: http_login
    url: https://login.example.com/login
    headers: { X-Api-Key: { credential: client_secret } }
    token: { pointer: /token }
`;

const BEARER = TOKEN.replace('client_credentials', 'jwt_bearer');
const EXCHANGE = TOKEN.replace('client_credentials', 'token_exchange');

function parse(text: string): Configuration {
  return parseConfiguration(text, '/etc/token-acquirer/config.yaml');
}

function faultsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigurationError)
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim());
    throw error;
  }
  return [];
}

describe('a configuration', () => {
  it('needs only a server and a token, and has defaults for the rest', () => {
    const { tokens, servers, callers, cluster } = parse(SERVER + TOKEN);
    expect(servers).toEqual({
      corporate: {
        protocol: 'oauth',
        issuer: 'https://login.example.com/realms/corp',
        clientAuthentication: 'client_secret_basic',
      },
    });
    expect(tokens[0]).toMatchObject({
      identity: { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' },
      key: 'dynamics',
      renewal: { at: 0.67 },
      defaultLifetime: 300_000,
      refreshTokenReuse: 0,
      clientApp: undefined,
      respondWith: 'token',
      delivery: 'secret',
    });
    expect(callers).toEqual([]);
    expect(cluster.maxCallerTokenLifetime).toBe(24 * 3_600_000);
  });

  it('warns about the ServiceAccount default as a client', () => {
    const clients = '[{ namespace: billing, serviceAccount: default }, { namespace: default, serviceAccount: app }]';
    expect(warningsOf(parse(`${SERVER}${TOKEN}    clients: ${clients}\n`))).toEqual([
      'billing/billing-tokens/dynamics has the ServiceAccount default of the namespace billing among its clients. Every pod there that names no ServiceAccount may ask for the token. Give the client app its own ServiceAccount.',
    ]);
  });

  it.each([
    ['client_secret_basic', `${SERVER}    clientAuthentication: client_secret_basic\n${TOKEN}`, true],
    ['no secret', `${SERVER}    clientAuthentication: none\n${TOKEN}`, false],
    ['a secret in a header of http_login', `${LOGIN}${TOKEN.replace(/ *grant: .*\n/, '')}`, undefined],
  ])('sends a second secret for OAuth only: %s', (_what, text, takesNextSecret) => {
    const [token] = parse(text).tokens;
    expect(token?.neededKeys.includes('client_secret')).toBe(takesNextSecret !== false);
    expect(token?.takesNextSecret).toBe(takesNextSecret);
  });

  it('keeps tokens unless it says otherwise', () => {
    expect(parse(`${SERVER}${TOKEN}`).tokens[0]).toMatchObject({ onCredentialChange: 'keep', revokePrevious: false });
    const { tokens } = parse(`${SERVER}${TOKEN}    onCredentialChange: reissue\n    revokePrevious: true\n`);
    expect(tokens[0]).toMatchObject({ onCredentialChange: 'reissue', revokePrevious: true });
  });

  it('warns about a revocation that cannot work, or may end a refresh token', () => {
    const server = '    tokenEndpoint: https://login.example.com/token\n';
    const refreshing = TOKEN.replace('client_credentials', 'refresh_token');
    const warnings = (text: string): string[] => warningsOf(parse(text));
    expect(warnings(`${SERVER}${TOKEN}    revokePrevious: true\n`)).toEqual([]);
    const withoutDiscovery = SERVER.replace(/    issuer: .*\n/, server);
    expect(warnings(`${withoutDiscovery}${TOKEN}    revokePrevious: true\n`)).toEqual([
      'billing/billing-tokens/dynamics has revokePrevious, but the authorization server corporate has tokenEndpoint instead of discovery. Set its revocationEndpoint, too, or no token is revoked.',
    ]);
    const named = withoutDiscovery.replace(
      server,
      `${server}    revocationEndpoint: https://login.example.com/revoke\n`,
    );
    expect(warnings(`${named}${TOKEN}    revokePrevious: true\n`)).toEqual([]);
    expect(warnings(`${SERVER}${refreshing}    revokePrevious: true\n`)).toEqual([
      expect.stringContaining('RFC 7009 section 2.1 lets a server end the refresh token'),
    ]);
  });

  it.each([
    ['signed with its defaults', '', { claims: {} }, ['client_id', 'client_secret', 'private_key']],
    [
      'signed with its own claims',
      '    assertion: { subject: ada, audience: token_endpoint, issuer: me, keyId: k1, claims: { scope: read, n: 1 } }\n',
      { subject: 'ada', audience: 'token_endpoint', issuer: 'me', keyId: 'k1', claims: { scope: 'read', n: 1 } },
      ['client_id', 'client_secret', 'private_key'],
    ],
    [
      'from a file',
      '    assertion: { file: assertion.jwt }\n',
      { file: '/etc/token-acquirer/assertion.jwt' },
      ['client_id', 'client_secret'],
    ],
  ])('has an assertion %s for the grant jwt_bearer', (_sentence, more, assertion, neededKeys) => {
    expect(parse(`${SERVER}${BEARER}${more}`).tokens[0]).toMatchObject({
      use: 'jwt_bearer',
      neededKeys,
      demand: { grant: 'jwt_bearer', assertion, parameters: {} },
    });
  });

  const type = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;
  const projected = '/var/run/secrets/workload-identity/corporate/token';
  it.each([
    ['of the chart by default', '', { subject: { file: projected, type: type('jwt') } }],
    [
      'of every kind',
      '    exchange: { subjectTokenFile: s, subjectTokenType: access_token, actorTokenFile: /a, requestedTokenType: urn:x:y }\n',
      {
        subject: { file: '/etc/token-acquirer/s', type: type('access_token') },
        actor: { file: '/a', type: type('jwt') },
        requestedTokenType: 'urn:x:y',
      },
    ],
  ])('has tokens %s for the grant token_exchange', (_sentence, more, exchange) => {
    const [token] = parse(`${SERVER}${EXCHANGE}${more}`).tokens;
    expect(token?.demand).toEqual({ protocol: 'oauth', grant: 'token_exchange', parameters: {}, exchange });
  });

  it('asks for another token where the assertion or the exchange changes', () => {
    const texts = [
      BEARER,
      `${BEARER}    assertion: { subject: ada }\n`,
      `${BEARER}    assertion: { file: a }\n`,
      EXCHANGE,
      `${EXCHANGE}    exchange: { subjectTokenFile: /s }\n`,
      `${EXCHANGE}    exchange: { requestedTokenType: id_token }\n`,
    ];
    const fingerprints = texts.map((text) => parse(SERVER + text).tokens[0]?.requestFingerprint);
    expect(new Set(fingerprints).size).toBe(texts.length);
  });

  it('limits the lifetime of caller tokens', () => {
    const { cluster } = parse(`${SERVER}${TOKEN}callers: jwks\nmaxCallerTokenLifetime: 2h\n`);
    expect(cluster).toMatchObject({ callers: 'jwks', maxCallerTokenLifetime: 2 * 3_600_000 });
  });

  it('resolves relative paths against its own folder', () => {
    const text = `${SERVER}    caFile: ca.pem\n${TOKEN}    clients: [{ name: app, tokenFile: callers/app }]\n    clientApp: { pidFile: app.pid }\nendpoint: { certificateFile: tls.crt, privateKeyFile: /keys/tls.key }\n`;
    const { servers, callers, tokens, endpoint } = parse(text);
    expect(servers['corporate']?.caFile).toBe('/etc/token-acquirer/ca.pem');
    expect(callers).toEqual([{ name: 'app', tokenFile: '/etc/token-acquirer/callers/app' }]);
    expect(tokens[0]?.clientApp).toEqual({ pidFile: '/etc/token-acquirer/app.pid' });
    expect(endpoint).toEqual({ certificateFile: '/etc/token-acquirer/tls.crt', privateKeyFile: '/keys/tls.key' });
    const files = 'certificateFile: tls.crt, privateKeyFile: tls.key';
    const withAuthority = parse(`${SERVER}${TOKEN}endpoint: { ${files}, caFile: ca.crt }\n`).endpoint;
    expect(withAuthority?.caFile).toBe('/etc/token-acquirer/ca.crt');
  });

  it.each([
    ['of its own namespace', 'billing', '', { secret: 'billing-tokens' }],
    ['without those of another namespace', 'apps', '', {}],
    ['without those of a token that is stored nowhere', 'billing', '    delivery: endpoint\n', {}],
  ])('counts the pods that use the token Secret as the client app: %s', (_name, namespace, more, expected) => {
    const text = `${SERVER}${TOKEN}    clientApp: { namespace: ${namespace}, selector: app=billing }\n${more}`;
    expect(parse(text).tokens[0]?.clientApp).toEqual({ namespace, selector: 'app=billing', ...expected });
  });

  it.each([
    ['', 'any'],
    [', readers: any', 'any'],
    [', readers: library', 'library'],
  ])('takes who reads the Secret: %j', (more, readers) => {
    const text = `${SERVER}${TOKEN}`.replace('name: billing-tokens }', `name: billing-tokens${more} }`);
    expect(parse(text).tokens[0]?.readers).toBe(readers);
  });

  it('takes copies of a token', () => {
    const copies = [
      { key: 'credential', form: 'bearer' },
      { key: 'api_token', form: 'raw' },
    ];
    expect(parse(`${SERVER}${TOKEN}    copies: ${JSON.stringify(copies)}\n`).tokens[0]?.copies).toEqual(copies);
    expect(parse(`${SERVER}${TOKEN}`).tokens[0]?.copies).toEqual([]);
  });

  it('lets tokens of two Secrets each have a copy credential', () => {
    const copies = '    copies: [{ key: credential, form: bearer }]\n';
    const second = TOKEN.replace('tokens:\n', '').replace('billing-tokens', 'more-tokens');
    expect(faultsOf(`${SERVER}${TOKEN}${copies}${second}${copies}`)).toEqual([]);
  });

  it.each([
    ['', { name: 'Authorization', prefix: 'Bearer ' }],
    ['{ name: X-Auth-Token }', { name: 'X-Auth-Token', prefix: '' }],
    ['{ name: X-Auth-Token, prefix: "" }', { name: 'X-Auth-Token', prefix: '' }],
    ['{ prefix: "Token " }', { name: 'Authorization', prefix: 'Token ' }],
    ['{ prefix: "" }', { name: 'Authorization', prefix: '' }],
  ])('takes the header in which the token is sent: %j', (header, expected) => {
    const text = `${SERVER}${TOKEN}${header === '' ? '' : `    header: ${header}\n`}`;
    expect(parse(text).tokens[0]?.header).toEqual(expected);
  });

  it.each([
    ['', false],
    ['propagation: { nudge: true }\n', false],
    ['propagation: { watch: false }\n', false],
    ['propagation: { watch: true }\n', true],
  ])('watches token Secrets only with that setting: %j', (text, watch) => {
    expect(parse(`${SERVER}${TOKEN}${text}`).cluster.watch).toBe(watch);
  });

  it.each([
    ['by default from the path of the chart', '', '/var/run/secrets/workload-identity/corporate/token'],
    ['from its own path', '    assertionFile: /var/run/token\n', '/var/run/token'],
    ['relative to its folder', '    assertionFile: token\n', '/etc/token-acquirer/token'],
  ])('reads the assertion of a workload identity %s', (_sentence, more, expected) => {
    const { servers } = parse(`${SERVER}    clientAuthentication: workload_identity\n${more}${TOKEN}`);
    expect(servers['corporate']).toMatchObject({ clientAuthentication: 'workload_identity', assertionFile: expected });
  });

  it('takes an issuer next to a token endpoint, and settings for signed assertions', () => {
    const settings = { assertionKeyId: 'key 1', assertionAudience: 'token_endpoint' };
    const lines = Object.entries({ ...settings, clientAuthentication: 'private_key_jwt' });
    const more = lines.map(([key, value]) => `    ${key}: ${value}\n`).join('');
    const { servers } = parse(`${SERVER}    tokenEndpoint: https://x.example/token\n${more}${TOKEN}`);
    expect(servers['corporate']).toEqual({
      protocol: 'oauth',
      issuer: 'https://login.example.com/realms/corp',
      tokenEndpoint: 'https://x.example/token',
      clientAuthentication: 'private_key_jwt',
      ...settings,
    });
  });

  it.each<[string, string, string[] | undefined]>([
    ['by default none', '', undefined],
    ['as they are written', '[BearerToken, Application Access Token]', ['BearerToken', 'Application Access Token']],
  ])('takes further names of bearer tokens: %s', (_sentence, names, expected) => {
    const { servers } = parse(`${SERVER}${names === '' ? '' : `    bearerTokenTypes: ${names}\n`}${TOKEN}`);
    const { bearerTokenTypes } = servers['corporate'] as OAuthServerSettings & ServerSettings;
    expect(bearerTokenTypes).toEqual(expected);
  });

  it('takes parameters of every kind to the token request', () => {
    const { tokens } = parse(
      `${SERVER}${TOKEN}    scope: a b\n    resource: [https://one.example, https://two.example]\n    audience: api\n    parameters: { tenant: t1 }\n`,
    );
    expect(tokens[0]?.demand).toHaveProperty('parameters', {
      scope: 'a b',
      resource: ['https://one.example', 'https://two.example'],
      audience: 'api',
      tenant: 't1',
    });
  });

  it.each([
    ['a scope of a block scalar', '    scope: |\n      a\n      b\n', { scope: 'a b' }],
    ['a scope with blanks around it', '    scope: "  a  \\t b "\n', { scope: 'a b' }],
    ['an empty scope', '    scope: ""\n', {}],
    ['a scope of blanks', '    scope: "  "\n', {}],
    ['a scope among the parameters', '    parameters: { scope: " a\\n b " }\n', { scope: 'a b' }],
    ['a resource with a line break', '    resource: |\n      https://a.example/\n', { resource: 'https://a.example/' }],
    [
      'an empty one of two resources',
      '    resource: ["https://a.example/", ""]\n',
      { resource: ['https://a.example/'] },
    ],
    ['audiences that are empty', '    audience: [""]\n', {}],
    ['another parameter', '    parameters: { claims: " x\\n ", empty: "" }\n', { claims: ' x\n ', empty: '' }],
  ])('cleans the white space of what it sends: %s', (_what, text, expected) => {
    expect(parse(`${SERVER}${TOKEN}${text}`).tokens[0]?.demand).toHaveProperty('parameters', expected);
  });

  it.each([
    ['an interval', '{ interval: 10m }', { interval: 600_000 }],
    ['a part of the lifetime', '{ at: 50% }', { at: 0.5 }],
    ['nothing', '{}', { at: 0.67 }],
  ])('renews by %s', (_sentence, renewal, expected) => {
    expect(parse(`${SERVER}${TOKEN}    renewal: ${renewal}\n`).tokens[0]?.renewal).toEqual(expected);
  });

  it.each([
    ['for no time by default', '', 0],
    ['for no time', 'refreshTokenReuse: false', 0],
    ['for the time that the server allows', 'refreshTokenReuse: 30s', 30_000],
    ['for any time', 'refreshTokenReuse: true', Infinity],
  ])('sends a used refresh token again %s', (_sentence, line, expected) => {
    expect(parse(`${SERVER}    ${line}\n${TOKEN}`).tokens[0]?.refreshTokenReuse).toBe(expected);
  });

  it('cannot be changed once read', () => {
    const { tokens } = parse(SERVER + TOKEN);
    expect(() => Object.assign(tokens[0] ?? {}, { key: 'other' })).toThrow(TypeError);
  });

  it('lets two client apps of one namespace each have a dynamics', () => {
    const second = TOKEN.replace('tokens:\n', '').replace('billing-tokens', 'shipping-tokens');
    expect(parse(SERVER + TOKEN + second).tokens).toHaveLength(2);
  });
});

describe('an error', () => {
  it.each([
    [
      'an invalid time of reuse',
      `${SERVER}    refreshTokenReuse: soon\n${TOKEN}`,
      'authorizationServers.corporate.refreshTokenReuse: must be a duration such as 30s',
    ],
    [
      'an unknown key',
      `${SERVER}    clientAuthentification: none\n${TOKEN}`,
      'config.yaml:4:5: authorizationServers.corporate.clientAuthentification: is an unknown key; did you mean "clientAuthentication"?',
    ],
    [
      'an unknown key at the top',
      `${SERVER}${TOKEN}version: 1\n`,
      'config.yaml:10:1: version: is an unknown key; the valid keys are authorizationServers, tokens, services, endpoint, callers',
    ],
    [
      '`../` in a credential',
      `${SERVER}${TOKEN.replace('credential: dynamics', 'credential: ../dynamics')}`,
      'tokens[0].credential: must be a folder name',
    ],
    [
      '`..` inside a credential',
      `${SERVER}${TOKEN.replace('credential: dynamics', 'credential: a..b')}`,
      'tokens[0].credential: must not contain ".."',
    ],
    [
      '`../` in a name',
      `${SERVER}${TOKEN.replace('name: dynamics', 'name: ../dynamics')}`,
      'tokens[0].name: must be a DNS label',
    ],
    [
      '`../` in a Secret',
      `${SERVER}${TOKEN.replace('billing-tokens', '../x')}`,
      'tokens[0].secret.name: must be a DNS label',
    ],
    ['`../` in a key', `${SERVER}${TOKEN}    key: ../x\n`, 'tokens[0].key: must be a key'],
    [
      'the key of the CA certificate',
      `${SERVER}${TOKEN}    key: ca.crt\n`,
      'tokens[0].key: is reserved for the CA certificate',
    ],
    [
      'a header that would change the request',
      `${SERVER}${TOKEN}    header: { name: Transfer-Encoding }\n`,
      'config.yaml:10:21: tokens[0].header.name: must be the name of a header for a token, and this name has another meaning in HTTP',
    ],
    [
      'a header name that is not one',
      `${SERVER}${TOKEN}    header: { name: "X Auth" }\n`,
      'tokens[0].header.name: must be the name of a header for a token, and this name is not a valid name of an HTTP header',
    ],
    [
      'a prefix without the space after it',
      `${SERVER}${TOKEN}    header: { prefix: Bearer }\n`,
      'tokens[0].header.prefix: must be the text before the token in its header, and this text ends with a letter or digit, so the token would run into it',
    ],
    [
      'a prefix that ends the line',
      `${SERVER}${TOKEN}    header: { prefix: "a\\nHost: " }\n`,
      'tokens[0].header.prefix: must be the text before the token in its header, and this text contains a character that is not printable ASCII',
    ],
    [
      'interval 0',
      `${SERVER}${TOKEN}    renewal: { interval: "0" }\n`,
      'tokens[0].renewal.interval: must be a duration such as 30s, 10m or 1h30m, greater than zero',
    ],
    [
      'interval 0s',
      `${SERVER}${TOKEN}    renewal: { interval: 0s }\n`,
      'tokens[0].renewal.interval: must be a duration',
    ],
    ['interval -1', `${SERVER}${TOKEN}    renewal: { interval: -1 }\n`, 'tokens[0].renewal.interval: must be a text'],
    [
      'interval -1s',
      `${SERVER}${TOKEN}    renewal: { interval: -1s }\n`,
      'tokens[0].renewal.interval: must be a duration',
    ],
    [
      'interval 10 parsecs',
      `${SERVER}${TOKEN}    renewal: { interval: 10 parsecs }\n`,
      'tokens[0].renewal.interval: must be a duration',
    ],
    [
      'interval and at',
      `${SERVER}${TOKEN}    renewal: { interval: 1m, at: 50% }\n`,
      'tokens[0].renewal: takes either interval or at, not both',
    ],
    [
      'renewal at 99%',
      `${SERVER}${TOKEN}    renewal: { at: 99% }\n`,
      'tokens[0].renewal.at: must be a percentage from 1% to 90%, such as 67%',
    ],
    [
      'an assertionFile for another client authentication',
      `${SERVER}    assertionFile: token\n${TOKEN}`,
      'config.yaml:4:20: authorizationServers.corporate.assertionFile: works only with clientAuthentication: workload_identity or jwt_spiffe',
    ],
    [
      'jwt_spiffe without a file',
      `${SERVER}    clientAuthentication: jwt_spiffe\n${TOKEN}`,
      'authorizationServers.corporate.assertionFile: is missing, and clientAuthentication: jwt_spiffe needs it: name the file with the JWT-SVID',
    ],
    [
      'an assertion for another grant',
      `${SERVER}${TOKEN}    assertion: { subject: ada }\n`,
      'tokens[0].assertion: works only with grant: jwt_bearer',
    ],
    [
      'an exchange for another grant',
      `${SERVER}${TOKEN}    exchange: { subjectTokenFile: token }\n`,
      'tokens[0].exchange: works only with grant: token_exchange',
    ],
    [
      'an assertion that is in a file and signed',
      `${SERVER}${BEARER}    assertion: { file: token, subject: ada }\n`,
      'tokens[0].assertion.subject: has no effect on the assertion in a file: remove it, or remove file',
    ],
    [
      'a claim that another key sets',
      `${SERVER}${BEARER}    assertion: { claims: { sub: ada, scope: read } }\n`,
      'tokens[0].assertion.claims.sub: is set by the token-acquirer: remove it, or use issuer, subject or audience',
    ],
    [
      'an assertion for an issuer that is not known',
      `${SERVER.replace('issuer:', 'tokenEndpoint:')}${BEARER}    assertion: { audience: issuer }\n`,
      'tokens[0].assertion.audience: needs the key issuer of authorizationServers.corporate, which is missing',
    ],
    [
      'an audience that is no URI',
      `${SERVER}${BEARER}    assertion: { audience: salesforce }\n`,
      'tokens[0].assertion.audience: must be issuer, token_endpoint or a URI',
    ],
    [
      'a type of tokens that no gateway accepts',
      `${SERVER}${EXCHANGE}    exchange: { requestedTokenType: urn:ietf:params:oauth:token-type:refresh_token }\n`,
      'tokens[0].exchange.requestedTokenType: must be a type that a gateway accepts: access_token, id_token or jwt',
    ],
    [
      'a type of tokens that is none',
      `${SERVER}${EXCHANGE}    exchange: { subjectTokenType: opaque }\n`,
      'tokens[0].exchange.subjectTokenType: must be access_token, id_token, jwt or a URI',
    ],
    [
      'the type of an actor token that is not given',
      `${SERVER}${EXCHANGE}    exchange: { actorTokenType: jwt }\n`,
      'tokens[0].exchange.actorTokenType: needs actorTokenFile',
    ],
    [
      'a request that says nothing about who asks',
      `${SERVER}    clientAuthentication: anonymous\n${TOKEN}`,
      'tokens[0].grant: says nothing about the client, and neither does clientAuthentication: anonymous of authorizationServers.corporate. Use none, or the grant jwt_bearer or token_exchange',
    ],
    [
      'a parameter of a grant',
      `${SERVER}${EXCHANGE}    parameters: { subject_token: x }\n`,
      'tokens[0].parameters.subject_token: is set by the token-acquirer from the credential; remove it',
    ],
    [
      'a token type that needs a proof',
      `${SERVER}    bearerTokenTypes: [BearerToken, DPoP]\n${TOKEN}`,
      'config.yaml:4:37: authorizationServers.corporate.bearerTokenTypes[1]: must be a name for bearer tokens, and this type needs a proof with each request, which a bearer token does not have',
    ],
    [
      'the token type mac',
      `${SERVER}    bearerTokenTypes: [MAC]\n${TOKEN}`,
      'bearerTokenTypes[0]: must be a name for bearer tokens, and this type needs a proof',
    ],
    [
      'a token type with a line break',
      `${SERVER}    bearerTokenTypes: ["a\\nb"]\n${TOKEN}`,
      'bearerTokenTypes[0]: must be a token_type as the server sends it: words of visible ASCII characters',
    ],
    [
      'a token type that is too long',
      `${SERVER}    bearerTokenTypes: [${'a'.repeat(65)}]\n${TOKEN}`,
      'bearerTokenTypes[0]: must have at most 64 characters',
    ],
    [
      'an unknown client authentication',
      `${SERVER}    clientAuthentication: certificate\n${TOKEN}`,
      'clientAuthentication: must be one of client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, workload_identity, jwt_spiffe, none, anonymous',
    ],
    [
      'an issuer over plain http',
      `${SERVER.replace('https', 'http')}${TOKEN}`,
      'config.yaml:3:13: authorizationServers.corporate.issuer: must use https; plain http is for loopback only',
    ],
    [
      'a user name in a URL',
      `${SERVER.replace('https://', 'https://u:p@')}${TOKEN}`,
      'issuer: must not contain a user name or password',
    ],
    [
      'an issuer that is not a URL',
      `${SERVER.replace('https://login', 'login')}${TOKEN}`,
      'issuer: must be an absolute URL',
    ],
    [
      'neither issuer nor tokenEndpoint',
      `${SERVER.replace('issuer: https://login.example.com/realms/corp', 'clientAuthentication: none')}${TOKEN}`,
      'authorizationServers.corporate: needs issuer, tokenEndpoint or both',
    ],
    [
      'an assertionAudience that names a missing issuer',
      `${SERVER.replace('issuer:', 'tokenEndpoint:')}    clientAuthentication: private_key_jwt\n    assertionAudience: issuer\n${TOKEN}`,
      'config.yaml:5:24: authorizationServers.corporate.assertionAudience: needs the key issuer, which is missing',
    ],
    [
      'an assertionAudience that is neither a word nor a URI',
      `${SERVER}    clientAuthentication: private_key_jwt\n    assertionAudience: login\n${TOKEN}`,
      'assertionAudience: must be issuer, token_endpoint or a URI such as https://login.example.com',
    ],
    [
      'an assertionKeyId for another client authentication',
      `${SERVER}    assertionKeyId: key-1\n${TOKEN}`,
      'config.yaml:4:21: authorizationServers.corporate.assertionKeyId: works only with clientAuthentication: private_key_jwt',
    ],
    [
      'an assertionKeyId of two lines',
      `${SERVER}    clientAuthentication: private_key_jwt\n    assertionKeyId: "a\\nb"\n${TOKEN}`,
      'assertionKeyId: must be at most 256 printable ASCII characters',
    ],
    [
      'an unknown authorization server',
      `${SERVER}${TOKEN.replace('authorizationServer: corporate', 'authorizationServer: corporat')}`,
      'tokens[0].authorizationServer: names no entry of authorizationServers (entries: corporate)',
    ],
    [
      'a prototype key as a server',
      `${SERVER}${TOKEN.replace('authorizationServer: corporate', 'authorizationServer: constructor')}`,
      'names no entry of authorizationServers',
    ],
    [
      'an unknown grant',
      `${SERVER}${TOKEN.replace('client_credentials', 'magic')}`,
      'tokens[0].grant: must be one of client_credentials, password, refresh_token',
    ],
    [
      'a credential as a parameter',
      `${SERVER}${TOKEN}    parameters: { client_secret: s }\n`,
      'tokens[0].parameters.client_secret: is set by the token-acquirer from the credential',
    ],
    [
      'two tokens of one name',
      `${SERVER}${TOKEN}${TOKEN.replace('tokens:\n', '')}`,
      'tokens[1].name: is also the name of tokens[0] in the same Secret',
    ],
    [
      'two tokens with one key',
      `${SERVER}${TOKEN}${TOKEN.replace('tokens:\n', '').replace('dynamics', 'crm')}    key: dynamics\n`,
      'tokens[1].key: has the same key in the same Secret as tokens[0]',
    ],
    [
      "a key that is another's document",
      `${SERVER}${TOKEN}${TOKEN.replace('tokens:\n', '').replace('dynamics', 'crm')}    key: dynamics.json\n`,
      'tokens[1].key: has the same key',
    ],
    [
      'one copy in the place of another',
      `${SERVER}${TOKEN}    copies: [{ key: a, form: raw }, { key: a, form: bearer }]\n`,
      'config.yaml:10:44: tokens[0].copies[1].key: is a key of this token already; choose another one',
    ],
    [
      'a copy in the place of its token',
      `${SERVER}${TOKEN}    copies: [{ key: dynamics, form: bearer }]\n`,
      'tokens[0].copies[0].key: is a key of this token already; choose another one',
    ],
    [
      'a copy in the place of a document',
      `${SERVER}${TOKEN}    copies: [{ key: other.json, form: raw }]\n`,
      'tokens[0].copies[0].key: must not end with .json, which is the end of the keys that describe a token',
    ],
    [
      'a copy in the place of the CA certificate',
      `${SERVER}${TOKEN}    copies: [{ key: ca.crt, form: raw }]\n`,
      'tokens[0].copies[0].key: is reserved for the CA certificate',
    ],
    [
      'a copy that leads elsewhere',
      `${SERVER}${TOKEN}    copies: [{ key: ../x, form: raw }]\n`,
      'tokens[0].copies[0].key: must be a key',
    ],
    ['a copy without a form', `${SERVER}${TOKEN}    copies: [{ key: credential }]\n`, 'tokens[0].copies[0].form: '],
    [
      'a copy in a form that does not exist',
      `${SERVER}${TOKEN}    copies: [{ key: credential, form: "Bearer {{token}}" }]\n`,
      'tokens[0].copies[0].form: must be one of raw, bearer',
    ],
    [
      'two tokens with one copy in one Secret',
      `${SERVER}${TOKEN}    copies: [{ key: credential, form: bearer }]\n${TOKEN.replace('tokens:\n', '').replace('dynamics', 'crm')}    copies: [{ key: credential, form: bearer }]\n`,
      'tokens[1].copies[0].key: is also a key of tokens[0] in the same Secret. Choose another key. Where a program expects this one, give each token its own Secret',
    ],
    [
      "a copy in the place of another token's document",
      `${SERVER}${TOKEN}${TOKEN.replace('tokens:\n', '').replace('dynamics', 'crm')}    copies: [{ key: dynamics, form: raw }]\n`,
      'tokens[1].copies[0].key: is also a key of tokens[0] in the same Secret',
    ],
    [
      'a token in the place of a copy',
      `${SERVER}${TOKEN}    copies: [{ key: crm, form: raw }]\n${TOKEN.replace('tokens:\n', '').replace('dynamics', 'crm')}`,
      'tokens[1].key: has the same key in the same Secret as tokens[0]',
    ],
    [
      'copies of a token that is stored nowhere',
      `${SERVER}${TOKEN}    delivery: endpoint\n    copies: [{ key: credential, form: bearer }]\n`,
      'tokens[0].copies: needs delivery: secret, because this token is stored nowhere',
    ],
    [
      'one caller with two files',
      `${SERVER}${TOKEN}    clients: [{ name: a, tokenFile: x }, { name: a, tokenFile: y }]\n`,
      'tokens[0].clients[1].tokenFile: differs from the file that another token names',
    ],
    [
      'a client app that is nothing',
      `${SERVER}${TOKEN}    clientApp: {}\n`,
      'tokens[0].clientApp: needs either namespace and selector, or healthUrl, or pidFile',
    ],
    [
      'a client app in no namespace',
      `${SERVER}${TOKEN}    clientApp: { selector: app=billing }\n`,
      'tokens[0].clientApp: needs namespace and selector together',
    ],
    [
      'the CA of a certificate that is not given',
      `${SERVER}${TOKEN}endpoint: { caFile: ca.crt }\n`,
      'endpoint: takes caFile only with certificateFile and privateKeyFile',
    ],
    ['a watch that is neither on nor off', `${SERVER}${TOKEN}propagation: { watch: often }\n`, 'propagation.watch: '],
    [
      'a client app that is pods and a process',
      `${SERVER}${TOKEN}    clientApp: { namespace: billing, selector: app=billing, pidFile: billing.pid }\n`,
      'tokens[0].clientApp: needs either namespace and selector, or healthUrl, or pidFile',
    ],
    [
      'a client without an identity',
      `${SERVER}${TOKEN}    clients: [{}]\n`,
      'tokens[0].clients[0]: needs either namespace and serviceAccount, or name and tokenFile',
    ],
    [
      'a client with two identities',
      `${SERVER}${TOKEN}    clients: [{ namespace: billing, serviceAccount: billing-app, name: billing, tokenFile: caller }]\n`,
      'tokens[0].clients[0]: needs either namespace and serviceAccount, or name and tokenFile',
    ],
    [
      'a ServiceAccount in no namespace',
      `${SERVER}${TOKEN}    clients: [{ serviceAccount: billing-app }]\n`,
      'tokens[0].clients[0]: needs namespace and serviceAccount together',
    ],
    [
      'a ServiceAccount whose name cannot be one',
      `${SERVER}${TOKEN}    clients: [{ namespace: billing, serviceAccount: Billing:App }]\n`,
      'tokens[0].clients[0].serviceAccount: must be the name of a Kubernetes object',
    ],
    [
      'a certificate without its key',
      `${SERVER}${TOKEN}endpoint: { certificateFile: tls.crt }\n`,
      'endpoint: needs certificateFile and privateKeyFile together',
    ],
    [
      'a certificate that is given and made',
      `${SERVER}${TOKEN}endpoint: { certificateFile: tls.crt, privateKeyFile: tls.key, authoritySecret: own-ca }\n`,
      'endpoint: takes either certificateFile and privateKeyFile, or authoritySecret',
    ],
    [
      'an unknown way to check callers',
      `${SERVER}${TOKEN}callers: trust\n`,
      'callers: must be one of token-review, jwks',
    ],
    ['a token that is missing all', `${SERVER}tokens: [{}]\n`, 'tokens[0].name: is missing; it must be a text'],
    ['an empty file', '', 'is empty; it must name authorizationServers and tokens'],
    ['a file of comments', '# none yet\n', 'config.yaml:1:1: is empty'],
    ['a list', '- a\n', 'must be a mapping'],
    ['broken YAML', `${SERVER}${TOKEN}  bad: [1\n`, 'is not valid YAML'],
    [
      'a text that YAML takes for an alias',
      `${SERVER}${TOKEN}    scope: *read\n`,
      'config.yaml:10:12: is a YAML alias without an anchor; put a text that begins with "*" in quotes',
    ],
    ['an alias of itself', `${SERVER}tokens: &all [*all]\n`, 'tokens[0]: must be a mapping'],
    [
      'aliases that grow without end',
      `a: &a [1,1,1,1,1,1,1,1,1]\n${['b', 'c', 'd', 'e', 'f'].map((name, index) => `${name}: &${name} [${`*${'abcde'[index]},`.repeat(9)}]\n`).join('')}`,
      'has more YAML aliases than are allowed',
    ],
    [
      'a mapping as a key',
      `${SERVER}${TOKEN}? { a: 1 }\n: b\n`,
      'is an unknown key; the valid keys are authorizationServers',
    ],
    ['the same key twice', `${SERVER}${TOKEN}${TOKEN}`, 'is not valid YAML (duplicate key)'],
  ])('is reported with file, line and path for %s', (_sentence, text, expected) => {
    const faults = faultsOf(text);
    expect(faults.join('\n')).toContain(expected);
    expect(faults[0]).toMatch(/^config\.yaml:\d+:\d+: /);
  });

  it('does not hide another, because all are reported together', () => {
    const text = `${SERVER.replace('https', 'http')}    foo: 1\n${TOKEN.replace('client_credentials', 'magic')}    renewal: { interval: 0s }\n`;
    expect(faultsOf(text)).toHaveLength(4);
  });

  it('quotes no value, because a secret may stand in the wrong place', () => {
    const text = `${SERVER.replace('https://login', 'hunter2-hunter2')}    clientAuthentication: hunter2-hunter2\n${TOKEN}    renewal: { interval: hunter2-hunter2 }\n`;
    expect(faultsOf(text).length).toBeGreaterThan(2);
    expect(faultsOf(text).join('\n')).not.toContain('hunter2');
  });
});
