import { describe, expect, it } from 'vitest';
import { withoutRepetition } from '../../src/token-acquirer/endpoints/repeated-sentences.ts';

describe('a repeated sentence', () => {
  it.each<[string, readonly (readonly [number, string])[], readonly string[]]>([
    ['is logged immediately', [[0, 'a']], ['a']],
    [
      'is not logged again within a minute',
      [
        [0, 'a'],
        [59_999, 'a'],
      ],
      ['a'],
    ],
    [
      'is logged again after a minute',
      [
        [0, 'a'],
        [60_000, 'a'],
      ],
      ['a', 'a'],
    ],
    [
      'does not block another',
      [
        [0, 'a'],
        [1, 'b'],
      ],
      ['a', 'b'],
    ],
  ])('%s', (_sentence, calls, expected) => {
    let now = 0;
    const reports: string[] = [];
    const tell = withoutRepetition({ monotonic: () => now }, (sentence) => reports.push(sentence));
    for (const [at, sentence] of calls) {
      now = at;
      tell(sentence);
    }
    expect(reports).toEqual(expected);
  });

  it('needs no more memory for many others', () => {
    const reports: string[] = [];
    const tell = withoutRepetition({ monotonic: () => 0 }, (sentence) => reports.push(sentence));
    for (let count = 0; count < 1000; count += 1) tell(`${count}`);
    expect(reports).toHaveLength(1000);
    tell('999');
    expect(reports).toHaveLength(1000);
  });
});
