import { describe, expect, it } from 'vitest';
import { type Color, colored, type Paint } from '../../../src/token-acquirer/plugin/colors.ts';

const marked: Paint = (color: Color, text) => `<${color}>${text}</>`;

describe('the colors', () => {
  it.each<[what: string, text: string, expected: string]>([
    ['a state that needs attention now', 'a/b/c  Expired  5m ago', 'a/b/c  <red>Expired</>  5m ago'],
    ['a state that needs attention', 'a/b/c  RenewalFailing  5m', 'a/b/c  <yellow>RenewalFailing</>  5m'],
    ['a healthy state', 'a/b/c  Valid  5m', 'a/b/c  <green>Valid</>  5m'],
    ['a suspended token', 'a/b/c  Suspended  -', 'a/b/c  <gray>Suspended</>  -'],
    ['a false condition', 'Stored=False  Away', '<red>Stored=False</>  Away'],
    ['a heading', 'EVENTS\nTOKEN  STATE', '<bold>EVENTS</>\n<bold>TOKEN  STATE</>'],
    [
      'a consumer that is left behind',
      'a  subPath  never sees new tokens',
      'a  subPath  <red>never sees new tokens</>',
    ],
    ['what is not shown', 'Not shown: Ann may not.', '<yellow>Not shown:</> Ann may not.'],
  ])('mark %s', (_what, text, expected) => {
    expect(colored(text, marked)).toBe(expected);
  });

  it.each([
    ['a condition that is false when all is healthy', 'Suspended=False  Running'],
    ['a part of a name', 'a/b/Valid-one  -'],
    ['other words', 'No tokens.\n'],
  ])('leave %s as it is', (_what, text) => {
    expect(colored(text, marked)).toBe(text);
  });
});
