import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError } from '../../src/token-acquirer/configuration/problems.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';

const REST = 'authorizationServer: corporate, credential: dynamics, grant: client_credentials';
const SECRET = 'secret: { namespace: billing, name: billing-tokens }';
const HEAD = 'authorizationServers:\n  corporate: { issuer: "https://login.example.com" }\ntokens:\n';

function parse(...lines: readonly string[]): Configuration {
  return parseConfiguration(HEAD + lines.map((line) => `  ${line}\n`).join(''), '/etc/token-acquirer/config.yaml');
}

function faultsOf(...lines: readonly string[]): string[] {
  try {
    parse(...lines);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const [, ...faults] = error.message.split('\n');
    return faults.map((fault) => fault.trim());
  }
  return [];
}

describe('tokens as a mapping', () => {
  const whole = parse(`- { name: dynamics, ${SECRET}, ${REST} }`).tokens;

  it.each([
    ['a key that is the identity', `billing/billing-tokens/dynamics: { ${REST} }`],
    ['such a key, and the identity again', `billing/billing-tokens/dynamics: { name: dynamics, ${SECRET}, ${REST} }`],
    ['a key that is the name', `dynamics: { ${SECRET}, ${REST} }`],
    ['a key that is only a label', `Team_A.dynamics: { name: dynamics, ${SECRET}, ${REST} }`],
  ])('are the same as in a list, by %s', (_, line) => {
    expect(parse(line).tokens).toEqual(whole);
  });

  it('ignore null, as helm leaves it of an inherited key', () => {
    expect(parse(`dynamics: { ${SECRET}, ${REST} }`, 'billing/billing-tokens/old: null', 'b: ~').tokens).toEqual(whole);
    expect(parse('{}').tokens).toEqual([]);
  });

  it('have the rest of the Secret from below the key', () => {
    const [token] = parse(`billing/billing-tokens/dynamics: { ${REST}, secret: { readers: library } }`).tokens;
    expect(token).toEqual({ ...whole[0], readers: 'library' });
  });

  it('do not change the rest of a token', () => {
    const clients = 'clients: [{ namespace: billing, serviceAccount: billing-app }]';
    const more = `scope: a, key: other, ${clients}, renewal: { interval: 10m }, delivery: endpoint`;
    const [token] = parse(`billing/billing-tokens/dynamics: { ${REST}, ${more} }`).tokens;
    expect(token).toEqual(parse(`- { name: dynamics, ${SECRET}, ${REST}, ${more} }`).tokens[0]);
    expect(token).toMatchObject({ key: 'other', delivery: 'endpoint', demand: { parameters: { scope: 'a' } } });
  });

  it.each<[string, readonly string[], readonly string[]]>([
    [
      'another identity than that of the key',
      [`a/b/c: { ${REST}, name: d, secret: { namespace: e, name: f } }`],
      [
        '4:99: tokens["a/b/c"].name',
        '4:123: tokens["a/b/c"].secret.namespace',
        '4:132: tokens["a/b/c"].secret.name',
      ].map((place) => `${place}: differs from the key of the token; remove it, or correct the key`),
    ],
    [
      'half of a Secret',
      [`a: { ${REST}, secret: { namespace: b } }`],
      [
        '4:6: tokens.a: needs a secret with namespace and name, because its key is not of the form namespace/secret/name',
      ],
    ],
    [
      'no Secret and no name',
      [`a.b: { ${REST} }`],
      [
        '4:8: tokens["a.b"]: needs a name, because its key is neither namespace/secret/name nor a DNS label',
        '4:8: tokens["a.b"]: needs a secret with namespace and name, because its key is not of the form namespace/secret/name',
      ],
    ],
    [
      'a key of two parts',
      [`billing/dynamics: { ${REST} }`],
      [
        '4:3: tokens["billing/dynamics"]: must be namespace/secret/name, or a name of letters, digits, hyphens, dots and underscores',
      ],
    ],
    [
      'a part that is not a DNS label',
      [`billing/Tokens/dynamics: { ${REST} }`],
      [
        '4:3: tokens["billing/Tokens/dynamics"]: must be namespace/secret/name, or a name of letters, digits, hyphens, dots and underscores',
      ],
    ],
    [
      'a misspelt key of a token',
      [`a/b/c: { ${REST}, scpe: a }`],
      ['4:93: tokens["a/b/c"].scpe: is an unknown key; did you mean "scope"?'],
    ],
    [
      'a missing key of a token',
      ['a: { authorizationServer: corporate, grant: client_credentials, secret: { namespace: a, name: b } }'],
      ['4:6: tokens.a.credential: is missing; it must be a text'],
    ],
    ['a text for a token', ['a: b'], ['4:6: tokens.a: must be a mapping']],
    ['neither a list nor a mapping', ['dynamics'], ['4:3: tokens: must be a list or a mapping']],
    [
      'an unknown authorization server',
      ['a: { authorizationServer: b, credential: c, grant: password, secret: { namespace: a, name: b } }'],
      ['4:29: tokens.a.authorizationServer: names no entry of authorizationServers (entries: corporate)'],
    ],
    [
      'one identity under two keys',
      [`billing/billing-tokens/dynamics: { ${REST} }`, `twice: { name: dynamics, ${SECRET}, ${REST} }`],
      ['5:18: tokens.twice.name: is also the name of tokens["billing/billing-tokens/dynamics"] in the same Secret'],
    ],
    [
      'one key in the Secret under two keys',
      [`a/b/c: { ${REST} }`, `a/b/d: { ${REST}, key: c }`],
      ['5:98: tokens["a/b/d"].key: has the same key in the same Secret as tokens["a/b/c"]'],
    ],
    ['a duplicate key', [`a/b/c: { ${REST} }`, `a/b/c: { ${REST} }`], ['5:3: is not valid YAML (duplicate key)']],
  ])('are rejected for %s, with line and key', (_, lines, faults) => {
    expect(faultsOf(...lines)).toEqual(faults.map((fault) => `config.yaml:${fault}`));
  });

  it('of any form have the same error at the same place of the file', () => {
    expect(faultsOf(`- { name: a, ${REST}, grant: x }`.replace('grant: client_credentials, ', ''))[0]).toContain(
      'tokens[0].grant: must be one of client_credentials, password, refresh_token, jwt_bearer, token_exchange',
    );
    expect(faultsOf('a/b/c: { authorizationServer: corporate, credential: d, grant: x }')).toEqual([
      'config.yaml:4:66: tokens["a/b/c"].grant: must be one of client_credentials, password, refresh_token, jwt_bearer, token_exchange',
    ]);
  });

  it('are named by their key in errors of a cluster check', () => {
    const text = `a/b/c: { ${REST}, clients: [{ namespace: a, serviceAccount: b }] }`;
    expect(parse(text).cluster.neededBy).toBe('tokens["a/b/c"].clients names a ServiceAccount');
  });

  const part = fc.stringMatching(/^[a-z0-9](?:[-a-z0-9]{0,8}[a-z0-9])?$/);
  it('have the identity of their key, whatever it is', () => {
    fc.assert(
      fc.property(part, part, part, (namespace, secret, name) => {
        const [token] = parse(`${namespace}/${secret}/${name}: { ${REST} }`).tokens;
        expect(token?.identity).toEqual({ namespace, secret, name });
      }),
    );
  });
});

describe('the authorization servers', () => {
  it('ignore null', () => {
    const text = HEAD.replace('tokens:', '  old: null\ntokens: []');
    expect(Object.keys(parseConfiguration(text, '/config.yaml').servers)).toEqual(['corporate']);
  });

  it('are missing for a token if they are null', () => {
    const text = `authorizationServers: { corporate: ~ }\ntokens: { a/b/c: { ${REST} } }\n`;
    expect(() => parseConfiguration(text, '/config.yaml')).toThrow(
      'tokens["a/b/c"].authorizationServer: names no entry of authorizationServers (entries: none)',
    );
  });
});
