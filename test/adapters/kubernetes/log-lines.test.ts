import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAfter, LogLines, stampOf } from '../../../src/adapters/kubernetes/pods/log-lines.ts';

const LONGEST = 16 * 1024;

function split(...chunks: readonly string[]): string[] {
  const lines = new LogLines();
  const found: string[] = [];
  for (const chunk of chunks) lines.push(Buffer.from(chunk), (line) => void found.push(line.toString()));
  return found;
}

describe('the lines of a log', () => {
  it.each<[string, string[], string[]]>([
    ['of one chunk', ['a\nb\n'], ['a', 'b']],
    ['of a line in three chunks', ['a', 'b', 'c\nd\n'], ['abc', 'd']],
    ['with empty lines', ['\n\na\n'], ['', '', 'a']],
    ['without the end of the last line', ['a\nb'], ['a']],
    ['of empty chunks', ['', 'a', '', '\n'], ['a']],
    ['with a line break that is its own chunk', ['a', '\n'], ['a']],
  ])('are found %s', (_, chunks, expected) => {
    expect(split(...chunks)).toEqual(expected);
  });

  it('are the same however the log is cut into chunks', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat(20)), (text, cuts) => {
        const chunks: string[] = [];
        let rest = Buffer.from(text).toString('latin1');
        for (const cut of cuts) {
          chunks.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        const bytes = (parts: readonly string[]) => parts.map((part) => Buffer.from(part, 'latin1'));
        const lines = new LogLines();
        const found: string[] = [];
        for (const chunk of bytes([...chunks, rest])) lines.push(chunk, (line) => void found.push(line.toString()));
        expect(found).toEqual(text.split('\n').slice(0, -1));
      }),
    );
  });

  it('are cut after 16 KiB, in one chunk or many, and the next one is whole', () => {
    const long = 'x'.repeat(1_000_000);
    const cut = 'x'.repeat(LONGEST);
    expect(split(`${long}\nnext\n`)).toEqual([cut, 'next']);
    expect(split(...(long.match(/.{1,999}/g) ?? []), '\nnext\n')).toEqual([cut, 'next']);
  });

  it('are counted', () => {
    const lines = new LogLines();
    expect([lines.push(Buffer.from('a\nb\nc'), () => {}), lines.push(Buffer.from('\n'), () => {})]).toEqual([2, 1]);
  });
});

describe('the time of a line', () => {
  it.each<[string, string | undefined, string]>([
    ['2026-11-29T12:00:00.123456789Z text', '2026-11-29T12:00:00.123Z', 'text'],
    ['2026-11-29T12:00:00.5Z text', '2026-11-29T12:00:00.500Z', 'text'],
    ['2026-11-29T12:00:00Z two words', '2026-11-29T12:00:00.000Z', 'two words'],
    ['2026-11-29T14:00:00.100000000+02:00 text', '2026-11-29T12:00:00.100Z', 'text'],
    ['2026-11-29T12:00:00Z ', '2026-11-29T12:00:00.000Z', ''],
    ['unable to retrieve container logs', undefined, ''],
    ['', undefined, ''],
  ])('of %j is %s', (line, at, text) => {
    const found = stampOf(Buffer.from(line));
    expect(found && new Date(found.stamp.at).toISOString()).toBe(at);
    if (found !== undefined) expect(line.slice(found.length)).toBe(text);
  });

  it('orders lines to the nanosecond', () => {
    const stamps = ['0.999999999', '1.000000000', '1.000000001', '1.1', '2'].map(
      (second) => stampOf(Buffer.from(`2026-11-29T12:00:0${second}Z x`))?.stamp,
    );
    for (const [index, stamp] of stamps.entries()) {
      if (stamp === undefined) throw new Error('There is no time.');
      expect(stamps.map((other) => isAfter(stamp, other))).toEqual(stamps.map((_, other) => other < index));
      expect(isAfter(stamp, undefined)).toBe(true);
    }
  });
});
