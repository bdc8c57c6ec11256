import { describe, expect, it } from 'vitest';
import { checkedRules, judge, type TokenErrorRule } from '../../src/client/token-errors.ts';
import { UsageError } from '../../src/core/errors.ts';

interface Case {
  readonly status: number;
  readonly challenge?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly rules?: readonly TokenErrorRule[];
  /** The URL of the answer, after redirects. */
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

describe('the check for token errors', () => {
  it.each<[string, Case]>([
    ['finds one in a 401 without a challenge', { status: 401, is: true }],
    [
      'finds one in a 401 that names invalid_token',
      { status: 401, challenge: 'Bearer error="invalid_token"', is: true },
    ],
    ['finds one in a 401 whose challenge names no error', { status: 401, challenge: 'Bearer realm="api"', is: true }],
    [
      'finds none in a 401 that wants more scope',
      { status: 401, challenge: 'Bearer error="insufficient_scope"', is: false },
    ],
    [
      'finds none in a 401 that calls the request invalid',
      { status: 401, challenge: 'Bearer error="invalid_request"', is: false },
    ],
    ['finds none in a 403', { status: 403, challenge: 'Bearer error="invalid_token"', is: false }],
    ['finds none in a 400', { status: 400, body: 'token expired', is: false }],
    ['finds none in a 200', { status: 200, is: false }],
    [
      'finds one in a 400 with the body of a rule',
      { status: 400, body: 'The Token has expired.', rules: [azure], is: true },
    ],
    ['finds none in a 400 with another body', { status: 400, body: 'A field is missing.', rules: [azure], is: false }],
    [
      'finds none in a 403 with the body of a rule for 400',
      { status: 403, body: 'token expired', rules: [azure], is: false },
    ],
    [
      'finds one in a redirect to the login page, by a rule on the header',
      { status: 302, headers: { location: 'https://login.example.com/' }, rules: [azure, sso], is: true },
    ],
    ['finds none in a redirect elsewhere', { status: 302, headers: { location: '/next' }, rules: [sso], is: false }],
    ['finds none in a redirect without the header', { status: 302, rules: [sso], is: false }],
    [
      'finds none in an answer with the header but not the body of a rule',
      {
        status: 403,
        headers: { 'x-reason': 'token' },
        rules: [{ status: 403, body: /expired/, header: { name: 'x-reason', value: /token/ } }],
        is: false,
      },
    ],
    [
      'finds one in a 401 with any error except these two',
      { status: 401, challenge: "Bearer error='token_expired'", is: true },
    ],
    [
      'finds one in a login page that fetch followed, by its origin',
      { status: 200, from: LOGIN, redirected: true, rules: [login], is: true },
    ],
    [
      'finds one in a login page that fetch did not follow, by its origin',
      { status: 302, headers: { location: LOGIN }, rules: [login], is: true },
    ],
    [
      'finds one in a login page of the gateway, by its path',
      {
        status: 307,
        headers: { location: '/login?return=%2F' },
        is: true,
        rules: [{ redirectedTo: `${ORIGIN}/login` }],
      },
    ],
    [
      'finds none in a path with the same beginning',
      { status: 307, headers: { location: '/logins' }, rules: [{ redirectedTo: `${ORIGIN}/login` }], is: false },
    ],
    [
      'finds none in another location',
      { status: 302, headers: { location: 'https://login.example.com.evil.example/' }, rules: [login], is: false },
    ],
    [
      'finds none in a location that is not a URL',
      { status: 302, headers: { location: 'https://' }, rules: [login], is: false },
    ],
    [
      'finds none in the location of a new resource',
      { status: 201, headers: { location: LOGIN }, rules: [login], is: false },
    ],
    ['finds none in a page of the origin itself', { status: 200, from: LOGIN, rules: [login], is: false }],
    [
      'finds none in a login page without the other conditions of its rule',
      { status: 200, from: LOGIN, redirected: true, rules: [{ ...login, body: /sign in/ }], is: false },
    ],
    ['finds none in a 401 of another origin', { status: 401, from: LOGIN, redirected: true, is: false }],
    [
      'finds none in an answer of another origin, by a rule for the gateway',
      { status: 400, body: 'token expired', from: LOGIN, redirected: true, rules: [azure], is: false },
    ],
    ['finds one by a rule with a status only', { status: 498, rules: [{ status: 498 }], is: true }],
  ])('%s', async (_, answer) => {
    const response = responseOf(answer);
    const judged = await judge(response, answer.rules ?? [], ORIGIN);
    expect([judged.blamesToken, judged.response.bodyUsed]).toEqual([answer.is, false]);
    expect(await judged.response.text()).toBe(answer.body ?? 'a body');
  });

  it('finds the text of a pattern with the flag g every time', async () => {
    const rules = [{ status: 400, body: /expired/g }];
    for (let call = 0; call < 3; call += 1) {
      expect((await judge(new Response('expired', { status: 400 }), rules, ORIGIN)).blamesToken).toBe(true);
    }
  });

  it('searches at most 64 KiB of a body, which still reaches the caller whole', async () => {
    const body = `${'x'.repeat(100_000)}expired`;
    const response = new Response(body, { status: 400 });
    const judged = await judge(response, [{ status: 400, body: /expired/ }], ORIGIN);
    expect(judged.blamesToken).toBe(false);
    expect((await judged.response.text()).length).toBe(body.length);
  });

  it('finds none without a body by a rule for a body', async () => {
    const judged = await judge(new Response(null, { status: 400 }), [{ status: 400, body: /./ }], ORIGIN);
    expect(judged.blamesToken).toBe(false);
  });
});

describe('a rule', () => {
  it('needs a status or a location', () => {
    const rule = { body: /./ };
    expect(() => checkedRules([rule])).toThrow(UsageError);
    expect(() => checkedRules([rule])).toThrow('has neither status nor redirectedTo');
    expect(checkedRules([{ status: 400 }, login])).toHaveLength(2);
  });

  it.each(['login.example.com', '/login', 'javascript:0', ''])('cannot have the location %j', (redirectedTo) => {
    expect(() => checkedRules([{ redirectedTo }])).toThrow(UsageError);
  });
});
