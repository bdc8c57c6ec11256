import { describe, expect, it } from 'vitest';
import { formatLine, wantsColor } from '../../src/demo/print.ts';
import { START } from './events.ts';

describe('formatLine', () => {
  const line = { at: START + 12_345, who: 'gateway', text: 'token 3fa9c1d2…: 401 invalid_token', mood: 'bad' } as const;

  it('gives the time since the start, who, and what', () => {
    const text = formatLine(line, { color: false, start: START });
    expect(text).toBe('  12.3 s  gateway               token 3fa9c1d2…: 401 invalid_token');
  });

  it('adds color and nothing else', () => {
    const colored = formatLine(line, { color: true, start: START });
    const plain = formatLine(line, { color: false, start: START });
    // eslint-disable-next-line no-control-regex
    expect(colored.replaceAll(/\u001B\[\d+m/g, '')).toBe(plain);
    expect(colored).not.toBe(plain);
    expect(colored.endsWith('\u001B[0m')).toBe(true);
  });
});

describe('wantsColor', () => {
  it.each([
    ['on a terminal', true, undefined, true],
    ['on a terminal with an empty NO_COLOR', true, '', true],
    ['on a terminal with NO_COLOR', true, '1', false],
    ['in a file or pipe', false, undefined, false],
  ])('%s', (_name, isTerminal, noColor, expected) => {
    expect(wantsColor(isTerminal, noColor)).toBe(expected);
  });
});
