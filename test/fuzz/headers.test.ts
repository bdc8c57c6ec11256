import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorNames } from '../../src/adapters/oauth/error-names.ts';
import { blamesToken, parseChallenges } from '../../src/core/bearer.ts';
import { askedPause, parseRetryAfter } from '../../src/core/retry-after.ts';
import { HeaderError, headerNameProblem, parseHeader, prefixProblem } from '../../src/core/token-header.ts';
import { formatTraceparent, parseTraceparent } from '../../src/core/trace-context.ts';
import { accepted, CANARY, expectHeaderValue, expectLinear, fuzz } from '../support/fuzz.ts';
import { damaged, headers, headerText, hostileText } from '../support/hostile.ts';

const NOW = Date.UTC(2026, 10, 30);
const CHALLENGE = 'Negotiate abc==, Bearer realm="a, b", error="invalid_token", scope=\'it\'s\', error=x y=z';

describe('a challenge', () => {
  it('is a list whose schemes and names are tokens, and never an error', () => {
    fuzz(
      fc.oneof(hostileText, headerText, damaged(CHALLENGE)),
      (text) => {
        for (const { scheme, parameters } of parseChallenges(text)) {
          for (const name of [scheme, ...parameters.keys()]) expect(name).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        }
        expect(typeof blamesToken(text)).toBe('boolean');
      },
      1500,
    );
  });

  it('takes linear time', () => {
    const parts = ['a', ' ', '\t', ',', '=', '"', "'", '\\', '==', 'Bearer ', 'a="', "a='", '~', '/', ':'];
    expectLinear(parseChallenges, parts);
    expectLinear((text) => errorNames(undefined, new Headers({ 'www-authenticate': text })), parts);
  });
});

describe('a pause that an answer asks for', () => {
  it('is a finite time of zero or more, or nothing', () => {
    const names = ['retry-after', 'ratelimit', 'ratelimit-reset', 'x-ratelimit-reset', 'x-rate-limit-reset'] as const;
    const remaining = ['ratelimit-remaining', 'x-ratelimit-remaining', 'x-rate-limit-remaining'] as const;
    fuzz(
      fc.tuple(headers(...names, ...remaining), fc.constantFrom(200, 403, 429, 503)),
      ([fields, status]) => {
        const pause = askedPause(status, (name) => fields[name], NOW);
        if (pause === undefined) return;
        expect(Number.isFinite(pause)).toBe(true);
        expect(pause).toBeGreaterThanOrEqual(0);
      },
      1000,
    );
  });

  it('never is an error of the reader', () => {
    fuzz(hostileText, (text) => {
      const pause = parseRetryAfter(text, NOW);
      expect(pause === undefined || (Number.isFinite(pause) && pause >= 0)).toBe(true);
    });
  });

  it('is read in linear time', () => {
    const parts = ['1', '.', ' ', ';', ',', 't=', 'r=0', 'reset=', 'mon', 'a', ', ', 'GMT', ':'];
    expectLinear((text) => askedPause(429, (name) => (name === 'ratelimit' ? text : undefined), NOW), parts);
    expectLinear((text) => parseRetryAfter(text, NOW), parts);
  });
});

describe('the header of a token', () => {
  const text = fc.oneof(hostileText, headerText, fc.constantFrom('Authorization', 'X-Auth-Token', 'Bearer ', ''));

  it('can be sent with a token, or is a HeaderError', () => {
    fuzz(fc.oneof(fc.record({ name: text, prefix: text }), fc.jsonValue(), fc.constant(undefined)), (value) => {
      const header = accepted(() => parseHeader(value), HeaderError);
      if (header === undefined) return;
      expect(header.name).toMatch(/^[\x21-\x7e]{1,64}$/);
      expect(header.name.toLowerCase()).not.toBe('host');
      expectHeaderValue(`${header.prefix}${CANARY}`);
      expect(new Headers({ [header.name]: `${header.prefix}${CANARY}` }).get(header.name)).toContain(CANARY);
    });
  });

  it('is read in linear time', () => {
    const parts = ['a', '-', ' ', 'x-forwarded-', '!', ':'];
    expectLinear(headerNameProblem, parts);
    expectLinear(prefixProblem, parts);
  });
});

describe('a traceparent', () => {
  const header = `00-${'1a'.repeat(16)}-${'2b'.repeat(8)}-01`;

  it('is hexadecimal digits that a log may show and a header may carry, or nothing', () => {
    fuzz(
      fc.oneof(hostileText, headerText, damaged(header), damaged(`cc-${header.slice(3)}-more`), fc.constant(header)),
      (text) => {
        const trace = parseTraceparent(text);
        if (trace === undefined) return;
        expect(trace.traceId).toMatch(/^(?=.*[1-9a-f])[0-9a-f]{32}$/);
        expect(trace.spanId).toMatch(/^(?=.*[1-9a-f])[0-9a-f]{16}$/);
        expect(trace.flags).toMatch(/^0[0-3]$/);
        expect(text).toContain(`-${trace.traceId}-${trace.spanId}-`);
        expectHeaderValue(formatTraceparent(trace));
        expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
      },
      2000,
    );
  });

  it('is read back as it was written', () => {
    const digits = (length: number) =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => /[^0]/.test(text));
    fuzz(fc.tuple(digits(32), digits(16), fc.constantFrom('00', '01', '02', '03')), ([traceId, spanId, flags]) => {
      expect(parseTraceparent(formatTraceparent({ traceId, spanId, flags }))).toEqual({ traceId, spanId, flags });
    });
  });

  it('is read in linear time', () => {
    expectLinear(parseTraceparent, ['00-', 'a', '0', '-', 'ff', '-01', header, '\n']);
  });
});
