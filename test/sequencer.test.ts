import { describe, expect, it } from 'vitest';
import { inOneOrder } from './sequencer.ts';

const seconds = (file: string): number => Number(file.split(' ')[1]);

describe('the order of test files', () => {
  it('begins each lane with its longest files', () => {
    const files = ['a 5', 'b 60', 'c 20'];
    expect(inOneOrder([{ files, workers: 1, delay: 0 }], seconds)).toEqual(['b 60', 'c 20', 'a 5']);
  });

  it('keeps the given order of files that take the same time', () => {
    const files = ['a 5', 'b 5', 'c 5'];
    expect(inOneOrder([{ files, workers: 2, delay: 0 }], seconds)).toEqual(files);
  });

  it('has a file of each lane next when a worker of that lane would be free', () => {
    const computing = { files: ['a 5', 'b 5', 'c 5', 'd 5'], workers: 1, delay: 0 };
    const waiting = { files: ['x 12', 'y 60'], workers: 1, delay: 0 };
    expect(inOneOrder([computing, waiting], seconds)).toEqual(['a 5', 'y 60', 'b 5', 'c 5', 'd 5', 'x 12']);
  });

  it('holds a lane back until what it needs is prepared', () => {
    const computing = { files: ['a 5', 'b 5'], workers: 1, delay: 0 };
    const waiting = { files: ['x 60'], workers: 1, delay: 7 };
    expect(inOneOrder([computing, waiting], seconds)).toEqual(['a 5', 'b 5', 'x 60']);
  });

  it('leaves out no file', () => {
    const files = Array.from({ length: 50 }, (_, number) => `${number} ${number % 7}`);
    const lanes = [
      { files: files.slice(0, 30), workers: 2, delay: 0 },
      { files: files.slice(30), workers: 3, delay: 100 },
    ];
    expect(inOneOrder(lanes, seconds).toSorted()).toEqual(files.toSorted());
  });
});
