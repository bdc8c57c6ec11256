import { describe, expect, it } from 'vitest';
import { atMost, type Benchmark, type Measured, Scope } from './benchmark.ts';
import { documentOf } from './report/document.ts';
import { machineFacts, startNow } from './report/machine-facts.ts';
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
const plot = plotOf(measured);

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

  it('plots well-formed SVG, and what is told in it is no markup', () => {
    const named = { ...met, name: 'a < b & "c"' };
    const text = plotOf([{ benchmark, rows: [named] }]);
    expect(text).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
    expect(text).toContain('a &lt; b &amp; ');
    expect(text.match(/<text/g)?.length).toBe(text.match(/<\/text>/g)?.length);
  });

  it('plots bars from 1: to the left what is less, to the right what is more, and the goal as a mark', () => {
    const [less, more] = ['met', 'missed'].map((kind) => {
      const [, x, width] = new RegExp(`class="${kind}" x="([\\d.]+)" y="[\\d.]+" width="([\\d.]+)"`).exec(plot) ?? [];
      return { from: Number(x), to: Number(x) + Number(width) };
    });
    const one = Number(/class="one" x1="([\d.]+)"/.exec(plot)?.[1]);
    expect(less?.to).toBeCloseTo(one, 0);
    expect(more?.from).toBeCloseTo(one, 0);
    const marks = [...plot.matchAll(/class="goal" x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"/g)].map(([, x]) => Number(x));
    expect(marks[0]).toBeCloseTo(less?.from ?? 0, 0);
    expect(marks[1]).toBeGreaterThan(one);
    expect(marks[1]).toBeLessThan(more?.to ?? 0);
  });

  it('plots for light and for dark pages', () => {
    expect(plot).toContain('@media (prefers-color-scheme: dark)');
  });

  it('aligns the columns of the table', () => {
    const lines = tableText(measured)
      .split('\n')
      .filter((line) => /^ {2}(?:met|missed)/.test(line));
    expect(new Set(lines.map((line) => line.indexOf('×')))).toHaveLength(1);
  });

  it('says in the document how each was measured, and on what', () => {
    const text = documentOf(measured, { Cores: '2 (a processor)', Node: 'v24' });
    expect(text).toContain('## An example\n\nWhat is measured.\nWhat it is measured beside.\n');
    expect(text).toContain('| missed | 9 ms | 1 ms | 9.00 × | ≤ 3 × | no |');
    expect(text).toContain('- Cores: 2 (a processor)\n- Node: v24\n');
  });

  it('keeps bars out of the cells of the document', () => {
    const rows = [{ ...met, name: 'one | other' }];
    expect(documentOf([{ benchmark, rows }], {})).toContain('| one \\| other |');
  });
});

describe('a goal', () => {
  it.each([
    ['is met where the ratio is as shown the limit', 1.5549, 1.55, true],
    ['is missed where it is as shown more', 1.5551, 1.55, false],
    ['is met below it', 0.2, 0.5, true],
  ])('%s', (_, ratio, limit, expected) => {
    expect(atMost(limit, ratio).met).toBe(expected);
  });
});

describe('what was opened', () => {
  it('is closed once, the last first, each before the next', async () => {
    const scope = new Scope();
    const closed: string[] = [];
    scope.add(() => closed.push('first'));
    scope.add(async () => {
      await Promise.resolve();
      closed.push('second');
    });
    await scope.close();
    await scope.close();
    expect(closed).toEqual(['second', 'first']);
  });
});

describe('the machine', () => {
  it('is told with its versions', () => {
    const facts = machineFacts(startNow());
    expect(Object.keys(facts)).toEqual(
      expect.arrayContaining(['Date', 'Cores', 'Memory', 'Kernel', 'Node', 'Packages']),
    );
    expect(facts['Packages']).toMatch(/openid-client \d+\.\d+/);
  });
});
