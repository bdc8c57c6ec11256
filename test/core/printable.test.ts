import { describe, expect, it } from 'vitest';
import { printable, printableLine } from '../../src/core/printable.ts';

const HOSTILE = [
  ['the escape sequence of a color', '\u001b[31mred'],
  ['the title of a window', '\u001b]0;title\u0007'],
  ['the C1 form of an escape sequence', '\u009b31mred'],
  ['a backspace, a carriage return and a DEL', 'a\b\r\u007f'],
  ['text in the other direction', '\u202etxt.exe\u2066\u2069'],
  ['invisible text', 'a\u200b\u{e0041}\ufeff'],
  ['other line breaks', 'a\u2028b\u2029c\u0085d'],
] as const;

describe('printable text', () => {
  it.each(HOSTILE)('does not contain %s', (_what, text) => {
    for (const shown of [printable(text), printableLine(text)])
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  });

  it('shows each character that it replaces', () => {
    expect(printable('\u001b[31m\u{e0041}')).toBe('\\u001b[31m\\udb40\\udc41');
  });

  it('keeps letters of every language, new lines and tabs', () => {
    expect(printable('Grüße, 東京\n\tok 😀')).toBe('Grüße, 東京\n\tok 😀');
  });

  it.each(HOSTILE)('is JSON of the same value with %s', (_what, text) => {
    expect(JSON.parse(printable(JSON.stringify({ text }, null, 2)))).toEqual({ text });
  });
});

describe('a printable line', () => {
  it('has no line break and no tab', () => {
    expect(printableLine('first \n\n  second\tthird')).toBe('first second third');
  });
});
