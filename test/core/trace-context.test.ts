import { describe, expect, it } from 'vitest';
import { formatTraceparent, parseTraceparent } from '../../src/core/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const HEADER = `00-${TRACE}-${SPAN}-01`;

describe('a traceparent', () => {
  it.each([
    ['a sampled trace', HEADER, '01'],
    ['a trace that is not sampled', `00-${TRACE}-${SPAN}-00`, '00'],
    ['an ID that is random', `00-${TRACE}-${SPAN}-03`, '03'],
    ['a later version of the same length', `01-${TRACE}-${SPAN}-01`, '01'],
    ['a later version with more fields', `cc-${TRACE}-${SPAN}-01-what-a-later-version-adds`, '01'],
    ['flags that nobody has defined yet', `00-${TRACE}-${SPAN}-fd`, '01'],
  ])('is read: %s', (_, header, flags) => {
    expect(parseTraceparent(header)).toEqual({ traceId: TRACE, spanId: SPAN, flags });
  });

  it.each<[string, string | string[] | undefined]>([
    ['none', undefined],
    ['an empty text', ''],
    ['two of them in one text', `${HEADER}, ${HEADER}`],
    ['two of them in a list', [HEADER, HEADER]],
    ['the version ff', `ff-${TRACE}-${SPAN}-01`],
    ['a version of one digit', `0-${TRACE}-${SPAN}-01`],
    ['no version', `${TRACE}-${SPAN}-01`],
    ['a trace ID of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span ID of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a trace ID of 31 digits', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a trace ID of 33 digits', `00-0${TRACE}-${SPAN}-01`],
    ['a span ID of 15 digits', `00-${TRACE}-${SPAN.slice(1)}-01`],
    ['a trace ID of 16 digits, as other formats have it', `00-${TRACE.slice(16)}-${SPAN}-01`],
    ['upper-case digits', HEADER.toUpperCase()],
    ['full-width digits, which look alike', HEADER.replace('4', '４')],
    ['a Cyrillic letter that looks like an a', HEADER.replace('a', 'а')],
    ['another hyphen', HEADER.replaceAll('-', '‐')],
    ['flags of three digits', `${HEADER}0`],
    ['more fields in the version 00', `${HEADER}-more`],
    ['a hyphen at the end of the version 00', `${HEADER}-`],
    ['more text without a hyphen in a later version', `01-${TRACE}-${SPAN}-01more`],
    ['a space before it', ` ${HEADER}`],
    ['a newline after it', `${HEADER}\n`],
    ['a line of a log after it', `${HEADER}\n{"level":"info","event":"token-issued"}`],
    ['a newline in a later version', `01-${TRACE}-${SPAN}-01-a\nb`],
    ['a NUL', `${HEADER}\0`],
    ['10 kB of digits', `00-${'a'.repeat(10_000)}-${SPAN}-01`],
    ['10 kB of a later version', `01-${TRACE}-${SPAN}-01-${'a'.repeat(10_000)}`],
  ])('is ignored: %s', (_, header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  it('is written in the version 00', () => {
    const trace = parseTraceparent(`cc-${TRACE}-${SPAN}-01-more`);
    expect(trace && formatTraceparent(trace)).toBe(HEADER);
  });
});
