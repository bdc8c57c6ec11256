import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAfter, LogLines, stampOf } from '../../src/adapters/kubernetes/pods/log-lines.ts';
import { type LineMatch, needlesOf, readLine, USUAL } from '../../src/core/evidence-line.ts';
import { expressionFault, lineTest } from '../../src/token-acquirer/token/line-expression.ts';
import { expectLinear, expectTime, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText, nearJson } from '../support/hostile.ts';

const LONGEST = 16 * 1024;
const HASH = 'da95e04ee302f214b25f1193205be4ac930f2d2c1a4ff0259b09155a8de80f55';
const JSON_LINE = { level: 'error', status: 401, http: { status_code: '401' }, rejected_sha256: HASH };
const PLAIN = `2026-11-30T12:00:00Z error: 401 Unauthorized, error="invalid_token", sha256=${HASH}`;

const lines = fc.oneof(nearJson(JSON_LINE), damaged(PLAIN), hostileText);
const fields = fc.constantFrom(
  'status',
  'http.status_code',
  '__proto__.status',
  'constructor.name',
  'toString',
  '',
  '.',
);
const matches = fc.oneof(
  fc.constant(USUAL),
  fc
    .tuple(fields, fc.constantFrom('401', 401, true, 'Object', '[object Object]'))
    .map(([field, equals]): LineMatch => ({ kind: 'field', field, equals })),
);
const NEVER = (): boolean => false;

describe('a line of a log', () => {
  it('reports a hash of the token, no hash, or nothing', () => {
    fuzz(
      fc.tuple(lines, matches),
      ([line, match]) => {
        const found = readLine(line, match, NEVER);
        if (found?.rejected !== undefined) expect(found.rejected).toMatch(/^(?:[0-9a-f]{8}|[0-9a-f]{64})$/);
        // What is passed over quickly must report nothing.
        const needles = needlesOf(match);
        if (needles.length > 0 && !needles.some((needle) => line.includes(needle))) expect(found).toBeUndefined();
      },
      1500,
    );
  });

  it('reports nothing by what every object has', () => {
    const match: LineMatch = { kind: 'field', field: 'constructor.name', equals: 'Object' };
    expect(readLine('{"status":401}', match, NEVER)).toBeUndefined();
    expect(readLine('{"__proto__":{"status":401}}', { ...match, field: 'status', equals: 401 }, NEVER)).toBeUndefined();
  });

  it('takes linear time', () => {
    const parts = [
      '401',
      ' ',
      '(',
      'Client Error: ',
      'status',
      'code',
      '=',
      'error=',
      'sha256',
      '"',
      '\\',
      '{',
      'HTTP/1.1 ',
      'a',
      '0',
    ];
    expectLinear((line) => readLine(line, USUAL, NEVER), parts);
    expectLinear((line) => readLine(line, { kind: 'field', field: 'a.b', equals: 1 }, NEVER), parts);
  });
});

describe('an expression', () => {
  const piece = fc.constantFrom(
    '401',
    'a',
    '.',
    '*',
    '+',
    '?',
    '{1,9}',
    '{1000}',
    '(',
    ')',
    '|',
    '[^a]',
    '\\b',
    '\\',
    '^',
    '$',
  );
  const expressions = fc.array(piece, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));

  it('has a sentence about what is wrong, or tests any line', () => {
    fuzz(fc.tuple(fc.oneof(expressions, hostileText), lines), ([expression, line]) => {
      if (expressionFault(expression) === undefined) expect(typeof lineTest(expression)(line)).toBe('boolean');
    });
  });

  it('tests a line in linear time', () => {
    const test = lineTest('(?:a+)+(?:.*)*401');
    expectLinear(test, ['a', '401', ' ', '0'], { size: LONGEST, runs: 15 });
  });
});

describe('the output of the log API', () => {
  it('gives the same lines however it is cut, each of at most 16 KiB', () => {
    fuzz(fc.tuple(fc.array(lines, { maxLength: 6 }), fc.array(fc.nat(200), { maxLength: 20 })), ([texts, cuts]) => {
      const whole = Buffer.from(`${texts.join('\n')}\n`);
      const collect = (chunks: readonly Buffer[]): string[] => {
        const found: string[] = [];
        const reader = new LogLines();
        for (const chunk of chunks) reader.push(chunk, (line) => void found.push(line.toString('latin1')));
        return found;
      };
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(whole.subarray(at, at + cut));
        at += cut;
      }
      const found = collect([...chunks, whole.subarray(at)]);
      expect(found).toEqual(collect([whole]));
      for (const line of found) expect(line.length).toBeLessThanOrEqual(LONGEST);
    });
  });

  it('has a finite time, in order, or none', () => {
    const stamp = fc.oneof(damaged('2026-11-30T12:00:00.123456789+02:00 text'), hostileText);
    fuzz(fc.tuple(stamp, stamp), (texts) => {
      const found = texts.map((text) => stampOf(Buffer.from(text))?.stamp);
      for (const one of found) if (one !== undefined) expectTime(one.at);
      const [one, other] = found;
      if (one !== undefined && other !== undefined) expect(isAfter(one, other) && isAfter(other, one)).toBe(false);
    });
  });
});
