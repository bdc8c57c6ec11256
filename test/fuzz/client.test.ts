import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAnswer, parseToken } from '../../src/adapters/http/reissue-answer.ts';
import { checkedOrigins, originOf } from '../../src/client/origins.ts';
import { checkedRules, judge } from '../../src/client/token-errors.ts';
import { readCheckConfig } from '../../src/client-app/check/config.ts';
import { CheckedEndpoint } from '../../src/client-app/check/endpoint.ts';
import { readConfig } from '../../src/client-app/config.ts';
import { readTokenCommand } from '../../src/client-app/token/config.ts';
import { askedOrigin, namedOrigin } from '../../src/client-app/token/git-origin.ts';
import { execCredential, gitCredential, parseGitAttributes } from '../../src/client-app/token/output.ts';
import { ReissueError, UsageError } from '../../src/core/errors.ts';
import { isLoopbackHost } from '../../src/core/loopback.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256 } from '../../src/core/token.ts';
import { documentOf } from '../../src/core/token-volume.ts';
import { accepted, CANARY, expectHeaderValue, expectLinear, expectTime, fuzz, fuzzAsync } from '../support/fuzz.ts';
import { damaged, headers, hostileText, nearJson } from '../support/hostile.ts';
import { buildToken } from '../support/tokens.ts';

const urls = fc.oneof(
  hostileText,
  fc.webUrl({ withQueryParameters: true }),
  damaged('https://api.example.com:8443'),
  fc.constantFrom(
    'https://api.example.com',
    'http://api.example.com',
    'http://127.0.0.1:1',
    'http://localhost',
    `https://ada:${CANARY}@h`,
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://api.example.com\\@evil.example',
    '//evil.example',
    'https:/\\evil.example',
    'http://[::1]',
    'http://0x7f.1',
  ),
);

describe('the origins of a token', () => {
  it('are https or loopback, or a UsageError that quotes no password', () => {
    const given = fc.oneof(
      fc.record({ origins: fc.array(urls, { maxLength: 3 }), allowPlainHttp: fc.constantFrom(undefined, false) }),
      fc.constantFrom(
        undefined,
        null,
        {},
        { origins: 'https://a' },
        { origins: [Object.create(null)] },
        { origins: [Symbol('a')] },
        { origins: [undefined] },
      ),
    );
    fuzz(
      given,
      (options) => {
        const found = accepted(() => checkedOrigins(options as never), UsageError);
        for (const origin of found ?? []) {
          const { protocol, hostname, origin: spelled } = new URL(origin);
          expect(spelled).toBe(origin);
          expect(protocol === 'https:' || isLoopbackHost(hostname)).toBe(true);
        }
      },
      500,
    );
    fuzz(urls, (text) => expect(originOf(text) ?? 'https://none').toMatch(/^https?:\/\//));
    expectLinear(originOf, ['https://', 'a', '.', '/', '@', ':', '%', '[']);
  });
});

describe('the rules of token errors', () => {
  const answers = fc.record({
    status: fc.constantFrom(200, 302, 307, 401, 403),
    headers: headers('www-authenticate', 'location', 'x-error'),
    location: urls,
    body: hostileText,
  });
  const rules = fc.record({
    status: fc.constantFrom(undefined, 302, 401, 403),
    redirectedTo: fc.oneof(fc.constant(undefined), urls),
    body: fc.constantFrom(undefined, /expired/g, /^$/),
  });

  it('judge any answer, and keep its body', async () => {
    await fuzzAsync(
      fc.tuple(fc.array(rules, { maxLength: 2 }), answers),
      async ([given, answer]) => {
        const checked = accepted(() => checkedRules(given), UsageError);
        if (checked === undefined) return;
        const fields = new Headers(answer.headers);
        if (/^[\x20-\x7e]*$/.test(answer.location)) fields.set('location', answer.location);
        const response = new Response(answer.body, { status: answer.status, headers: fields });
        const judged = await judge(response, checked, 'https://api.example.com');
        expect(typeof judged.blamesToken).toBe('boolean');
        expect(await judged.response.text()).toBe(answer.body.toWellFormed().replace(/^\ufeff/, ''));
      },
      300,
    );
  });
});

const NAMES = [
  'SERVICE_URL',
  'ALLOW_PLAIN_HTTP',
  'TOKEN_NAME',
  'TOKEN_DIRECTORY',
  'REISSUE_URL',
  'REISSUE_NAMESPACE',
  'REISSUE_SECRET',
  'CALLER_TOKEN_FILE',
  'CALL_EVERY',
  'LISTEN',
  'PATIENCE',
  'API_SERVER',
  'ACQUIRER_SECRETS',
  'FORBIDDEN_FILES',
] as const;
const VALID = {
  SERVICE_URL: 'https://api.example.com/orders',
  TOKEN_NAME: 'dynamics',
  REISSUE_URL: 'https://token-acquirer:8443',
  REISSUE_NAMESPACE: 'billing',
  REISSUE_SECRET: 'billing-tokens',
  CALLER_TOKEN_FILE: '/run/token',
  CALL_EVERY: '1s',
  LISTEN: ':8080',
};
const values = fc.oneof(
  hostileText,
  urls,
  fc.constantFrom('true', '1h', '127.0.0.1:1', 'billing', 'billing/a,billing/b', '999999999999d'),
);
const environments = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), values), { maxLength: 4 })
  .map((changes): Record<string, string> => ({ ...VALID, ...Object.fromEntries(changes) }));

describe('the settings of the client app', () => {
  it('send a token over https or loopback, or are a UsageError that quotes no value', () => {
    fuzz(
      environments,
      (environment) => {
        const config = accepted(() => readConfig(environment), UsageError);
        if (config === undefined) return;
        const { serviceUrl, allowPlainHttp, callEvery, listen, reissue } = config;
        expect(serviceUrl.protocol === 'https:' || isLoopbackHost(serviceUrl.hostname) || allowPlainHttp).toBe(true);
        expectTime(Date.now() + callEvery);
        expect(listen.port).toBeLessThanOrEqual(65_535);
        if (reissue !== undefined) expect(new URL(reissue.url).password).toBe('');
      },
      600,
    );
  });

  it('of a check and of a token command are right, or a UsageError', () => {
    const words = fc.array(
      fc.oneof(
        hostileText.filter((text) => !text.includes(CANARY)),
        urls.filter((text) => !text.includes(CANARY)),
        fc.constantFrom(
          'dynamics',
          '--as',
          'waiter',
          '--output',
          'git-credential',
          '--origin',
          'https://git.example.com',
          '--rejected',
          'get',
          'dynamics=https://a',
        ),
      ),
      { maxLength: 5 },
    );
    fuzz(
      fc.tuple(words, environments),
      ([args, environment]) => {
        const command = accepted(() => readTokenCommand(args, environment), UsageError);
        if (command?.output === 'git-credential') expect(command.origin).toMatch(/^https?:\/\//);
        if (command !== undefined) expect(command.username).toMatch(/^[\x20-\x7e]+$/);
        accepted(() => readCheckConfig(args, environment), UsageError);
      },
      600,
    );
  });
});

describe('what git asks for', () => {
  const lines = fc.oneof(
    hostileText,
    fc.constantFrom(
      'protocol=https',
      'host=git.example.com',
      'host=git.example.com:8443',
      'host=evil.example\r',
      'host=a@b',
      'path=a',
      '__proto__=x',
      'protocol=http',
    ),
  );

  it('is an origin that git would call, or none', () => {
    fuzz(fc.array(lines, { maxLength: 6 }), (all) => {
      const asked = parseGitAttributes(all.join('\n'));
      const origin = askedOrigin(asked);
      if (origin === undefined) return;
      expect(origin.toLowerCase()).toContain(
        (asked.get('host') ?? '').toLowerCase().replace(/:\d*$/, '').replace(/^0+/, ''),
      );
    });
    fuzz(urls, (text) => {
      const origin = namedOrigin(text);
      if (origin !== undefined)
        expect(new URL(origin).protocol === 'https:' || isLoopbackHost(new URL(origin).hostname)).toBe(true);
    });
    expectLinear(
      (text) => askedOrigin(parseGitAttributes(text)),
      ['\n', '=', 'host=', 'protocol=https\n', 'a', '.', ':', '['],
    );
  });

  it('is answered in three lines, and kubectl in JSON, for any token', () => {
    fuzz(fc.tuple(fc.stringMatching(/^[\x21-\x7e]{1,60}$/), hostileText), ([text, info]) => {
      const token = buildToken({ accessToken: new Redacted(text) });
      expect(gitCredential(token, 'oauth2').split('\n')).toHaveLength(4);
      expect(JSON.parse(execCredential(token, info))).toMatchObject({
        kind: 'ExecCredential',
        status: { token: text },
      });
    });
  });
});

const ANSWER = {
  outcome: 'reissued',
  stored: true,
  generation: 1_796_000_000,
  issued_at: '2026-11-30T12:00:00.000Z',
  expires_at: '2026-11-30T13:00:00.000Z',
  expires_in: 3600,
  access_token: CANARY,
  header: { name: 'X-Auth-Token', prefix: '' },
};
const CONDITIONS = {
  selector: 'app=billing',
  conditions: [{ type: 'ClientAppSelected', status: 'True', reason: 'PodsSelected', message: CANARY }],
};
const PROBLEM = { status: 502, code: 'invalid_client', detail: CANARY };

describe('an answer of the token-acquirer', () => {
  const document = documentOf(buildToken({ accessToken: new Redacted(CANARY), sha256: sha256(CANARY) }));
  const bodies = fc.oneof(
    nearJson(ANSWER),
    nearJson({ ...document, expires_in: 60 }),
    nearJson(PROBLEM),
    nearJson(CONDITIONS),
  );

  it('is a token with finite times, or a ReissueError that quotes nothing of it', () => {
    fuzz(
      bodies,
      (text) => {
        const answer = accepted(() => parseAnswer(text), ReissueError);
        if (answer !== undefined) {
          for (const time of [answer.issuedAt, answer.expiresAt]) expectTime(time);
          if (answer.expiresIn !== undefined) expectTime(Date.now() + answer.expiresIn);
          if (answer.accessToken !== undefined)
            expectHeaderValue(`${answer.header?.prefix ?? 'Bearer '}${answer.accessToken.reveal()}`);
        }
        const current = accepted(() => parseToken('dynamics', text), ReissueError);
        if (current?.expiresIn !== undefined) expectTime(Date.now() + current.expiresIn);
      },
      1500,
    );
    expectLinear(parseAnswer, ['{', '"outcome":', '[', '"', '\\', ' ', ',']);
  });

  it('is never an error of the check', async () => {
    const settings = {
      url: 'https://token-acquirer:8443',
      namespace: 'billing',
      secret: 'billing-tokens',
      callerTokenFile: '',
      caFile: undefined,
    };
    await fuzzAsync(
      fc.tuple(bodies, fc.constantFrom(200, 200, 403, 429, 502), headers('retry-after')),
      async ([body, status, fields]) => {
        const endpoint = new CheckedEndpoint(
          settings,
          async () => ({ kind: 'answered', status, body, headers: fields, whole: true }) as never,
        );
        const caller = new Redacted(CANARY);
        const found = [
          await endpoint.reissue('dynamics', sha256('a'), caller),
          await endpoint.current('dynamics', caller),
          await endpoint.clientApp('dynamics', caller),
        ];
        for (const one of found)
          if ('accessToken' in one && one.accessToken !== undefined) expectHeaderValue(one.accessToken.reveal());
      },
      500,
    );
  });
});
