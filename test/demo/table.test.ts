import { describe, expect, it } from 'vitest';
import { formatTable, wrap } from '../../src/demo/table.ts';

describe('wrap', () => {
  it.each([
    ['a short text stays whole', 'one two', 10, ['one two']],
    ['a text of exactly the width stays whole', 'one two', 7, ['one two']],
    ['a longer one breaks at a blank', 'one two three', 8, ['one two', 'three']],
    ['a word longer than the line is cut', 'abcdefghij kl', 4, ['abcd', 'efgh', 'ij', 'kl']],
    ['nothing is one empty line', '', 5, ['']],
  ] as const)('%s', (_name, text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });
});

describe('formatTable', () => {
  const columns = [
    { heading: 'Scene', width: 8 },
    { heading: 'Seen', width: 10 },
  ];

  it('has a heading, a rule and a row a line', () => {
    expect(formatTable(columns, [['1 One', 'well']])).toEqual([
      'Scene     Seen',
      '────────  ──────────',
      '1 One     well',
    ]);
  });

  it('lets long cells go on below, side by side', () => {
    const lines = formatTable(columns, [['a scene of words', 'seen and heard of']]).slice(2);
    expect(lines).toEqual(['a scene   seen and', 'of words  heard of']);
  });

  it('takes a missing cell for an empty one and leaves no blanks at the end', () => {
    expect(formatTable(columns, [['alone']]).at(-1)).toBe('alone');
  });
});
