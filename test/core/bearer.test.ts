import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bearerTokenProblem,
  blamesToken,
  isBearerToken,
  MAX_TOKEN_LENGTH,
  parseChallenges,
} from '../../src/core/bearer.ts';
import { cpuTimeOf } from '../support/cpu-time.ts';
import { VISIBLE_ASCII } from '../support/tokens.ts';

/** Challenges as plain data, for comparison. */
function read(header: string) {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

describe('a bearer token', () => {
  it.each([
    ['one character', 'a'],
    ['a JWT', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln'],
    ['all characters of b64token', 'AZaz09-._~+/=='],
    ['every visible ASCII character', VISIBLE_ASCII],
    ["Salesforce's, with an exclamation mark", '00D5e000001N20Q!AQ4AQHVdNqxR'],
    ['a comma', 'a,b'],
    ['a quote', '"abc"'],
    ['padding without anything else', '=='],
    ['padding inside', 'a=b'],
    ['as much as is allowed', 'a'.repeat(MAX_TOKEN_LENGTH)],
  ])('can be %s', (_, text) => {
    expect(isBearerToken(text)).toBe(true);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['a blank', 'a b', 'contains a space or a tab'],
    ['a blank after it', 'abc ', 'contains a space or a tab'],
    ['a tab', 'a\tb', 'contains a space or a tab'],
    ['a line feed after it', 'abc\n', 'contains a line break or another control character'],
    ['a carriage return', 'a\rb', 'contains a line break or another control character'],
    ['another header', 'abc\r\nX-Admin:true', 'contains a line break or another control character'],
    ['a null byte', 'a\0b', 'contains a line break or another control character'],
    ['a delete', 'a\x7fb', 'contains a line break or another control character'],
    ['a character beyond ASCII', 'tökén', 'contains a character that is not ASCII'],
    ['a C1 control character', 'a\x85b', 'contains a character that is not ASCII'],
    ['a look-alike digit', '１', 'contains a character that is not ASCII'],
    ['half a surrogate pair', 'a\ud800', 'contains a character that is not ASCII'],
    [
      'more than is allowed',
      'a'.repeat(MAX_TOKEN_LENGTH + 1),
      'is 16385 characters long, and a bearer token may have at most 16384',
    ],
  ])('cannot be %s', (_, text, problem) => {
    expect(isBearerToken(text)).toBe(false);
    expect(bearerTokenProblem(text)).toBe(problem);
  });

  it('can be a text exactly if all of it is visible ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        expect(isBearerToken(text)).toBe(Buffer.from(text).every((byte) => byte > 0x20 && byte < 0x7f));
      }),
    );
  });

  it('is rejected in linear time', () => {
    const took = cpuTimeOf(() => {
      expect(isBearerToken(`${'='.repeat(100_000)} `)).toBe(false);
      expect(isBearerToken(`a${'='.repeat(MAX_TOKEN_LENGTH - 2)} `)).toBe(false);
    });
    expect(took).toBeLessThan(1000);
  });
});

describe("the parser of a gateway's challenge", () => {
  it.each([
    {
      gateway: 'Envoy (jwt_authn)',
      header: 'Bearer realm="http://127.0.0.1:18910/", error="invalid_token"',
      parameters: { realm: 'http://127.0.0.1:18910/', error: 'invalid_token' },
    },
    {
      gateway: 'Apache (mod_auth_openidc)',
      header: 'Bearer error="invalid_token", error_description="Reference token could not be introspected"',
      parameters: { error: 'invalid_token', error_description: 'Reference token could not be introspected' },
    },
    {
      gateway: 'AWS HTTP API, without commas',
      header: 'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"',
      parameters: {
        scope: '',
        error: 'invalid_token',
        error_description: 'the token does not have a valid audience',
      },
    },
    {
      gateway: 'ASP.NET Core',
      header: 'Bearer error="invalid_token", error_description="The token expired at \'11/22/2026 10:00:00\'"',
      parameters: { error: 'invalid_token', error_description: "The token expired at '11/22/2026 10:00:00'" },
    },
    {
      gateway: 'Dynamics 365',
      header:
        'Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, resource_id=https://org.crm.dynamics.com/',
      parameters: {
        authorization_uri: 'https://login.microsoftonline.com/common/oauth2/authorize',
        resource_id: 'https://org.crm.dynamics.com/',
      },
    },
    { gateway: 'one that says nothing', header: 'Bearer', parameters: {} },
  ])('reads the challenge of $gateway', ({ header, parameters }) => {
    expect(read(header)[0]).toEqual(['bearer', parameters]);
    expect(blamesToken(header)).toBe(true);
  });

  it.each<[string, string, [string, Record<string, string>][]]>([
    [
      'several challenges',
      'Basic realm="a", Bearer error="x", realm=b',
      [
        ['basic', { realm: 'a' }],
        ['bearer', { error: 'x', realm: 'b' }],
      ],
    ],
    [
      'a scheme without parameters between others',
      'Negotiate, Bearer, Basic realm=a',
      [
        ['negotiate', {}],
        ['bearer', {}],
        ['basic', { realm: 'a' }],
      ],
    ],
    [
      'a token68',
      'Negotiate YWJj==, Bearer error="x"',
      [
        ['negotiate', {}],
        ['bearer', { error: 'x' }],
      ],
    ],
    ['names in any case', 'BEARER Error="invalid_token"', [['bearer', { error: 'invalid_token' }]]],
    ['values in their own case', 'Bearer realm="A b"', [['bearer', { realm: 'A b' }]]],
    ['blanks around the equals sign', 'Bearer error = "x" ,realm\t=\ta', [['bearer', { error: 'x', realm: 'a' }]]],
    ['escaped quotes and backslashes', String.raw`Bearer realm="a \"b\" \\ c"`, [['bearer', { realm: 'a "b" \\ c' }]]],
    [
      'single quotes',
      "Bearer error='invalid_token', realm='a, b'",
      [['bearer', { error: 'invalid_token', realm: 'a, b' }]],
    ],
    ['single quotes around nothing', "Bearer error='' realm=b", [['bearer', { error: '', realm: 'b' }]]],
    [
      'an apostrophe inside single quotes',
      "Bearer error_description='The token's life is over', error=x",
      [['bearer', { error_description: "The token's life is over", error: 'x' }]],
    ],
    ['an apostrophe without quotes', "Bearer realm=it's, error=x", [['bearer', { realm: "it's", error: 'x' }]]],
    ['a single quote that never ends', "Bearer realm='a, error=x", [['bearer', { realm: "'a", error: 'x' }]]],
    [
      'a comma and a scheme inside quotes',
      'Bearer realm="a, Basic realm=b"',
      [['bearer', { realm: 'a, Basic realm=b' }]],
    ],
    ['a parameter given twice: the first', 'Bearer error="a", error="b"', [['bearer', { error: 'a' }]]],
    ['empty elements of the list', ', ,Bearer error="x",,', [['bearer', { error: 'x' }]]],
    ['a quote that never ends', 'Bearer error="invalid_token', [['bearer', { error: '' }]]],
    ['nothing', '', []],
    ['blanks', ' \t ', []],
    ['no scheme', '="x"', []],
  ])('reads %s', (_, header, challenges) => {
    expect(read(header)).toEqual(challenges);
  });

  it('returns any parameters that were written by the rules', () => {
    const name = fc.stringMatching(/^[a-z_]{1,12}$/);
    const value = fc.string({ unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true }), (parameters) => {
        const written = Object.entries(parameters).map(
          ([key, text]) => `${key}="${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`,
        );
        expect(read(`Bearer ${written.join(', ')}`)).toEqual([['bearer', parameters]]);
      }),
    );
  });

  it('never throws, whatever the text', () => {
    const near = fc.stringMatching(/^[ \t,="\\a-zA-Z]{0,40}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (header) => {
        expect(Array.isArray(parseChallenges(header))).toBe(true);
        expect(typeof blamesToken(header)).toBe('boolean');
      }),
    );
  });

  it.each([
    ['letters', 'a'],
    ['blanks', ' '],
    ['blanks after a name', 'a '],
    ['commas', ','],
    ['equals signs', '='],
    ['quotes', '"'],
    ['escapes', '\\"'],
    ['quotes that do not end', 'a="'],
    ['single quotes', "'"],
    ['single quotes that do not end', "a='b "],
    ['single quotes that open and open', "a='"],
    ['single quotes inside words', "a='b'c "],
    ['invalid token68s', 'a= '],
    ['schemes', 'a b '],
    ['schemes far apart', `a${' '.repeat(300)}`],
    ['parameters', 'a=b,'],
    ['quoted parameters', 'a="b", '],
    ['line feeds', '\n'],
  ])('takes linear time for 100 kB of %s', (_, unit) => {
    const garbage = unit.repeat(Math.ceil(100_000 / unit.length));
    const took = cpuTimeOf(() => {
      for (const header of [garbage, `Bearer ${garbage}`, `Bearer error="${garbage}`]) parseChallenges(header);
    });
    expect(took).toBeLessThan(2000);
  });
});

describe('a 401 to a request with a token', () => {
  it.each([
    ['no challenge exists', null],
    ['the challenge is empty', ''],
    ['the challenge is of another scheme', 'Basic realm="a"'],
    ['it names no error', 'Bearer realm="a"'],
    ['it says invalid_token', 'Bearer error="invalid_token"'],
    ['it says invalid_token in single quotes', "Bearer error='invalid_token'"],
    ['it has another name for that', 'Bearer error="token_expired"'],
    ['it names an unknown error', 'Bearer error="account_locked"'],
    ['it names an error without a name', 'Bearer error=""'],
    ['one of two says something else', 'Bearer error="insufficient_scope", Bearer error="invalid_jwt"'],
    ['it says invalid_token without quotes', 'Bearer error=invalid_token'],
    ['one of two says invalid_token', 'Bearer error="insufficient_scope", Bearer error="invalid_token"'],
    ['another scheme names another error', 'DPoP error="use_dpop_nonce", Bearer error="invalid_token"'],
    ['it cannot be read', '"""'],
  ])('blames the token if %s', (_, header) => {
    expect(blamesToken(header)).toBe(true);
  });

  it.each([
    ['insufficient_scope', 'Bearer realm="a", error="insufficient_scope", scope="write"'],
    ['invalid_request', 'Bearer error="invalid_request"'],
    ['insufficient_scope after a URL without quotes', 'Bearer uri=https://a.example/?b=c, error=insufficient_scope'],
    ['insufficient_scope in single quotes', "Bearer realm='a, b', error='insufficient_scope'"],
    [
      'insufficient_scope after an apostrophe',
      "Bearer error_description='The token's scope', error='insufficient_scope'",
    ],
    ['invalid_request in capitals', 'Bearer error="Invalid_Request"'],
    ['one of the two each time', 'Bearer error="insufficient_scope", Bearer error=invalid_request'],
    ['insufficient_scope next to another scheme', 'Basic realm="a", Bearer error="insufficient_scope"'],
  ])('does not blame the token if the error is %s', (_, header) => {
    expect(blamesToken(header)).toBe(false);
  });
});
