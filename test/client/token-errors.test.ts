import { describe, expect, it } from 'vitest';
import { checkedRules, judge, type TokenErrorRule } from '../../src/client/token-errors.ts';
import { UsageError } from '../../src/core/errors.ts';

interface Case {
  readonly status: number;
  readonly challenge?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly rules?: readonly TokenErrorRule[];
  /** The URL that it is the answer of, after redirects. */
  readonly from?: string;
  readonly redirected?: boolean;
  readonly is: boolean;
}

const ORIGIN = 'https://api.example.com';

function responseOf({ status, challenge, body = 'a body', headers, from, redirected = false }: Case): Response {
  const response = new Response(body, {
    status,
    headers: { ...headers, ...(challenge && { 'www-authenticate': challenge }) },
  });
  const url = from ?? `${ORIGIN}/incidents`;
  return Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } });
}

const azure: TokenErrorRule = { status: 400, body: /token (has )?expired/i };
const sso: TokenErrorRule = { status: 302, header: { name: 'Location', value: /^https:\/\/login\./ } };

const login: TokenErrorRule = { redirectedTo: 'https://login.example.com' };
const LOGIN = 'https://login.example.com/sign-in?return=%2F';

describe('which answers are token errors', () => {
  it.each<[string, Case]>([
    ['a 401 without a challenge is', { status: 401, is: true }],
    ['a 401 that names invalid_token is', { status: 401, challenge: 'Bearer error="invalid_token"', is: true }],
    ['a 401 whose challenge names no error is', { status: 401, challenge: 'Bearer realm="api"', is: true }],
    ['a 401 that wants more scope is not', { status: 401, challenge: 'Bearer error="insufficient_scope"', is: false }],
    [
      'a 401 that finds the request bad is not',
      { status: 401, challenge: 'Bearer error="invalid_request"', is: false },
    ],
    ['a 403 is not', { status: 403, challenge: 'Bearer error="invalid_token"', is: false }],
    ['a 400 is not', { status: 400, body: 'token expired', is: false }],
    ['a 200 is not', { status: 200, is: false }],
    ['a 400 with the body of a rule is', { status: 400, body: 'The Token has expired.', rules: [azure], is: true }],
    ['a 400 with another body is not', { status: 400, body: 'A field is missing.', rules: [azure], is: false }],
    ['a 403 with the body of a rule for 400 is not', { status: 403, body: 'token expired', rules: [azure], is: false }],
    [
      'a redirect to the login page is, by a rule on the header',
      { status: 302, headers: { location: 'https://login.example.com/' }, rules: [azure, sso], is: true },
    ],
    ['a redirect elsewhere is not', { status: 302, headers: { location: '/next' }, rules: [sso], is: false }],
    ['a redirect without the header is not', { status: 302, rules: [sso], is: false }],
    [
      'what matches the header but not the body of a rule is not',
      {
        status: 403,
        headers: { 'x-reason': 'token' },
        rules: [{ status: 403, body: /expired/, header: { name: 'x-reason', value: /token/ } }],
        is: false,
      },
    ],
    ['a 401 of another error than the two is', { status: 401, challenge: "Bearer error='token_expired'", is: true }],
    [
      'a login page that was followed is, by its origin',
      { status: 200, from: LOGIN, redirected: true, rules: [login], is: true },
    ],
    [
      'a login page that was not followed is, by its origin',
      { status: 302, headers: { location: LOGIN }, rules: [login], is: true },
    ],
    [
      'a login page of the gateway is, by its path',
      {
        status: 307,
        headers: { location: '/login?return=%2F' },
        is: true,
        rules: [{ redirectedTo: `${ORIGIN}/login` }],
      },
    ],
    [
      'a path that begins alike is not',
      { status: 307, headers: { location: '/logins' }, rules: [{ redirectedTo: `${ORIGIN}/login` }], is: false },
    ],
    [
      'another place is not',
      { status: 302, headers: { location: 'https://login.example.com.evil.example/' }, rules: [login], is: false },
    ],
    ['a place that is no URL is not', { status: 302, headers: { location: 'https://' }, rules: [login], is: false }],
    ['a place of a new resource is not', { status: 201, headers: { location: LOGIN }, rules: [login], is: false }],
    ['a page of the origin itself is not', { status: 200, from: LOGIN, rules: [login], is: false }],
    [
      'a login page needs the other conditions of its rule as well',
      { status: 200, from: LOGIN, redirected: true, rules: [{ ...login, body: /sign in/ }], is: false },
    ],
    ['a 401 of another origin is not', { status: 401, from: LOGIN, redirected: true, is: false }],
    [
      'an answer of another origin is not, by a rule for the gateway',
      { status: 400, body: 'token expired', from: LOGIN, redirected: true, rules: [azure], is: false },
    ],
    ['a status alone can be a rule', { status: 498, rules: [{ status: 498 }], is: true }],
  ])('%s', async (_, answer) => {
    const response = responseOf(answer);
    const judged = await judge(response, answer.rules ?? [], ORIGIN);
    expect([judged.blamesToken, judged.response.bodyUsed]).toEqual([answer.is, false]);
    expect(await judged.response.text()).toBe(answer.body ?? 'a body');
  });

  it('a pattern with the flag g finds its text every time', async () => {
    const rules = [{ status: 400, body: /expired/g }];
    for (let call = 0; call < 3; call += 1) {
      expect((await judge(new Response('expired', { status: 400 }), rules, ORIGIN)).blamesToken).toBe(true);
    }
  });

  it('no more than 64 KiB of a body are searched, and all of it still reaches the caller', async () => {
    const body = `${'x'.repeat(100_000)}expired`;
    const response = new Response(body, { status: 400 });
    const judged = await judge(response, [{ status: 400, body: /expired/ }], ORIGIN);
    expect(judged.blamesToken).toBe(false);
    expect((await judged.response.text()).length).toBe(body.length);
  });

  it('a rule for a body does not match where there is none', async () => {
    const judged = await judge(new Response(null, { status: 400 }), [{ status: 400, body: /./ }], ORIGIN);
    expect(judged.blamesToken).toBe(false);
  });
});

describe('a rule', () => {
  it('needs a status or a place', () => {
    const rule = { body: /./ };
    expect(() => checkedRules([rule])).toThrow(UsageError);
    expect(() => checkedRules([rule])).toThrow('has neither status nor redirectedTo');
    expect(checkedRules([{ status: 400 }, login])).toHaveLength(2);
  });

  it.each(['login.example.com', '/login', 'javascript:0', ''])('has no place %j', (redirectedTo) => {
    expect(() => checkedRules([{ redirectedTo }])).toThrow(UsageError);
  });
});
