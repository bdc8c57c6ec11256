import { describe, expect, it } from 'vitest';
import { atMost, type Benchmark, type Measured } from './benchmark.ts';
import { documentOf } from './report/document.ts';
import { plotOf } from './report/plot.ts';
import { missedGoals, tableText } from './report/table.ts';
import { median, quantile } from './statistics.ts';

const benchmark: Benchmark = {
  name: 'example',
  title: 'An example',
  method: ['What is measured.', 'What it is measured beside.'],
  run: () => Promise.resolve([]),
};
const met = { name: 'met', ours: '1 ms', beside: '2 ms', ratio: 0.5, goal: atMost(0.5, 0.5) };
const missed = { name: 'missed', ours: '9 ms', beside: '1 ms', ratio: 9, goal: atMost(3, 9) };
const measured: Measured[] = [{ benchmark, rows: [met, missed] }];

describe('what the benchmarks report', () => {
  it.each([
    ['the median of an odd number', [3, 1, 2], 0.5, 2],
    ['the highest', [1, 5, 3], 1, 5],
    ['the lowest', [4, 2, 3], 0, 2],
  ])('finds %s', (_what, values, share, expected) => {
    expect(quantile(values, share)).toBe(expected);
    expect(median([1, 2, 3])).toBe(2);
  });

  it('names each goal that was missed, and no other', () => {
    expect(missedGoals(measured)).toHaveLength(1);
    expect(missedGoals(measured)[0]).toContain('missed is 9');
  });

  it.each([
    ['the table of the terminal', tableText(measured)],
    ['the document', documentOf(measured, { cores: '2' })],
    ['the plot', plotOf(measured)],
  ])('tells every row in %s', (_where, text) => {
    for (const { name } of [met, missed]) expect(text).toContain(name);
  });

  it('plots well-formed SVG', () => {
    expect(plotOf(measured)).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
  });
});
