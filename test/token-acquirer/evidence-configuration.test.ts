import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError } from '../../src/token-acquirer/configuration/problems.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';
import { callerNames } from '../../src/token-acquirer/endpoints/caller-authenticators.ts';

const BASE = `authorizationServers:
  corporate:
    issuer: https://login.example.com/realms/corp
tokens:
  - name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    secret: { namespace: billing, name: billing-tokens }
`;
const APP = '    clientApp: { namespace: billing, selector: app=billing }\n';

const parse = (evidence: string, app = APP): Configuration =>
  parseConfiguration(`${BASE}${app}    evidence: ${evidence}\n`, '/etc/token-acquirer/config.yaml');

const evidenceOf = (text: string) => parse(text).tokens[0]?.evidence;

function problem(evidence: string, app = APP): string {
  try {
    parse(evidence, app);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return '';
}

describe('the evidence of a token', () => {
  it('is none without the key', () => {
    expect(parseConfiguration(BASE, '/config.yaml').tokens[0]?.evidence).toBeUndefined();
  });

  it.each<[string, object]>([
    ['{ log: {} }', { log: { match: { kind: 'usual' } }, reporters: [] }],
    ['{ log: { container: app } }', { log: { container: 'app', match: { kind: 'usual' } }, reporters: [] }],
    [
      '{ log: { match: { field: upstream.status, equals: 401 } } }',
      { log: { match: { kind: 'field', field: 'upstream.status', equals: 401 } }, reporters: [] },
    ],
    [
      "{ log: { match: { expression: '(?i)token .*rejected' } } }",
      { log: { match: { kind: 'expression', expression: '(?i)token .*rejected' } }, reporters: [] },
    ],
    [
      '{ reporters: [{ namespace: gateways, serviceAccount: envoy }] }',
      { reporters: ['system:serviceaccount:gateways:envoy'] },
    ],
    ['{ reporters: [{ name: edge, tokenFile: edge.token }] }', { reporters: ['edge'] }],
  ])('of %s is read', (text, expected) => {
    expect(evidenceOf(text)).toEqual(expected);
  });

  it('names reporters as callers, and their files', () => {
    const { tokens, callers, cluster } = parse(
      '{ reporters: [{ name: edge, tokenFile: edge.token }, { namespace: gateways, serviceAccount: envoy }] }',
      '',
    );
    expect(callers).toEqual([{ name: 'edge', tokenFile: '/etc/token-acquirer/edge.token' }]);
    expect([...callerNames(tokens)]).toEqual(['edge', 'system:serviceaccount:gateways:envoy']);
    expect(tokens[0]?.clients).toEqual([]);
    expect(cluster.neededBy).toBe('tokens[0].evidence.reporters names a ServiceAccount');
  });

  it.each<[what: string, text: string, words: string]>([
    [
      'an expression that matches an empty line',
      "{ log: { match: { expression: '(401)?' } } }",
      'matches lines that report no rejected token',
    ],
    [
      'an expression that matches any line',
      "{ log: { match: { expression: '.' } } }",
      'matches lines that report no rejected token; it must match only lines that do',
    ],
    [
      'an expression that matches any line with a digit',
      "{ log: { match: { expression: '[0-9]+' } } }",
      'matches lines that report no rejected token',
    ],
    ['an empty expression', "{ log: { match: { expression: '' } } }", 'must be an expression'],
    [
      'an expression that is none',
      "{ log: { match: { expression: '(401' } } }",
      'is not an expression in the syntax of RE2, which has no lookarounds and no backreferences (missing closing )',
    ],
    ['a lookahead', "{ log: { match: { expression: '401(?=x)' } } }", 'no lookarounds'],
    ['a backreference', String.raw`{ log: { match: { expression: '(4)0\1' } } }`, 'no backreferences'],
    [
      'an expression of many instructions',
      "{ log: { match: { expression: '401((ab|cd|ef|gh){30}){33}' } } }",
      'is too large; shorten its repetitions',
    ],
    [
      'an expression of many characters',
      `{ log: { match: { expression: '${'401 '.repeat(300)}' } } }`,
      'must have at most 1000 characters',
    ],
    ['a field without a value', '{ log: { match: { field: status } } }', 'needs field and equals together'],
    ['a value without a field', '{ log: { match: { equals: 401 } } }', 'needs field and equals together'],
    [
      'a field and an expression',
      '{ log: { match: { field: status, equals: 401, expression: x401 } } }',
      'needs either field and equals, or expression',
    ],
    ['an unknown key of a match', '{ log: { match: { expresion: x } } }', 'did you mean "expression"?'],
    ['a match of nothing', '{ log: { match: {} } }', 'needs either field and equals, or expression'],
    ['a list as a value', '{ log: { match: { field: status, equals: [401] } } }', 'must be a text, a number'],
    ['an unknown key', '{ log: { matches: {} } }', 'is an unknown key; the valid keys are container, match'],
    ['an unknown kind of evidence', '{ logs: {} }', 'is an unknown key; did you mean "log"?'],
    ['a container that is none', '{ log: { container: "../app" } }', 'must be a DNS label'],
    ['a reporter without a name', '{ reporters: [{ namespace: gateways }] }', 'needs namespace and serviceAccount'],
  ])('rejects %s', (_, text, words) => {
    expect(problem(text)).toContain(words);
  });

  it('rejects the log of a client app whose pods are not known, with its line', () => {
    const words = 'needs clientApp with namespace and selector, which select the pods whose log is followed';
    expect(problem('{ log: {} }', '')).toContain(words);
    expect(problem('{ log: {} }', '    clientApp: { pidFile: app.pid }\n')).toContain(words);
    expect(problem('{ log: {} }', '')).toMatch(/config\.yaml:10:\d+/);
  });

  it('rejects two files for one caller, be it a client or a reporter', () => {
    const clients = '    clients: [{ name: edge, tokenFile: other.token }]\n';
    expect(problem('{ reporters: [{ name: edge, tokenFile: edge.token }] }', clients)).toContain(
      'tokens[0].evidence.reporters[0].tokenFile',
    );
  });

  it('compiles an expression that makes others backtrack, which is then fast', async () => {
    const { lineTest } = await import('../../src/token-acquirer/token/line-expression.ts');
    expect(evidenceOf("{ log: { match: { expression: '(x+x+)+401$' } } }")).toBeDefined();
    const test = lineTest('(x+x+)+401$');
    const began = performance.now();
    expect(test('x'.repeat(16_000))).toBe(false);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(test('xxx401')).toBe(true);
  });
});
