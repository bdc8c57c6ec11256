import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { atMost, type Benchmark, type Measured, type Row, Scope } from './benchmark.ts';
import { BENCHMARKS } from './benchmarks.ts';
import { amountOf } from './report/amounts.ts';
import { CHARTS, chartOf } from './report/charts.ts';
import { documentOf } from './report/document.ts';
import { growthOf } from './report/growth.ts';
import { machineFacts, startNow } from './report/machine-facts.ts';
import { parseResults, resultsText, withRows } from './report/results.ts';
import { summaryOf } from './report/summary.ts';
import { missedGoals, tableText } from './report/table.ts';
import { withUnitCosts } from './report/unit-costs.ts';
import { median, quantile } from './statistics.ts';

const benchmark: Benchmark = {
  name: 'example',
  title: 'An example',
  method: ['What is measured.', 'What it is compared with.'],
  run: () => Promise.resolve([]),
};
const met: Row = {
  name: 'met',
  ours: '1 ms',
  reference: '2 ms',
  ratio: 0.5,
  against: 'peer',
  goal: atMost(0.625, 0.5),
};
const missed: Row = {
  name: 'missed',
  ours: '9 ms',
  reference: '1 ms',
  ratio: 9,
  against: 'peer',
  goal: atMost(3, 9),
};
const least: Row = { name: 'least', ours: '2 s', reference: '1 s', ratio: 2, against: 'floor' };
const measured: Measured[] = [{ benchmark, rows: [met, missed, least] }];
const machine = { Cores: '2 (a processor)', Node: 'v24' };

function chart(name: string, of: readonly Measured[] = measured): string {
  const found = CHARTS.find(({ file }) => file === name);
  if (found === undefined) throw new Error(`There is no chart ${name}.`);
  return chartOf(found, of);
}

/** Where the bars of a kind begin and end. */
function barsOf(svg: string, kind: string): { from: number; to: number }[] {
  const bars = svg.matchAll(new RegExp(`<rect class="${kind}" x="([\\d.]+)" y="[\\d.]+" width="([\\d.]+)"`, 'g'));
  return [...bars].map(([, x, width]) => ({ from: Number(x), to: Number(x) + Number(width) }));
}

const markOf = (svg: string): number => Number(/class="mark" x1="([\d.]+)"/.exec(svg)?.[1]);

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
    ['the document', documentOf({ measured, machine })],
  ])('shows every row in %s', (_where, text) => {
    for (const { name } of [met, missed, least]) expect(text).toContain(name);
  });

  it.each([
    ['peers.svg', ['met', 'missed']],
    ['floor.svg', ['least']],
    ['goals.svg', ['met', 'missed']],
  ])('draws in %s the rows of its kind, and no other', (file, names) => {
    const svg = chart(file);
    const drawn = [...svg.matchAll(/<text class="end" x="386" y="[\d.]+">([^<]+)</g)].map(([, name]) => name);
    expect(drawn).toEqual(names);
    for (const name of names) expect(/<desc[^>]*>([^<]*)/.exec(svg)?.[1]).toContain(`${name}: `);
  });

  it('leaves goals out of the chart that are no limits', () => {
    const exactly: Row = { ...met, goal: { text: 'exactly 1', ratio: 0.001, met: true } };
    expect(barsOf(chart('goals.svg', [{ benchmark, rows: [exactly, missed] }]), 'good')).toEqual([]);
  });

  it.each(CHARTS)('draws well-formed SVG, for light and dark pages ($file)', ({ file }) => {
    const rows = [
      { ...met, name: 'a < b & "c"' },
      { ...least, name: 'a < b & "c"' },
    ];
    const text = chart(file, [{ benchmark, rows }]);
    expect(text).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
    expect(text).toContain('a &lt; b &amp; ');
    expect(text.match(/<text/g)?.length).toBe(text.match(/<\/text>/g)?.length);
    expect(text).toContain('@media (prefers-color-scheme: dark)');
  });

  it('draws peers from “equal”: to the left what is less, to the right what is more', () => {
    const svg = chart('peers.svg');
    const [[less], [more]] = [barsOf(svg, 'good'), barsOf(svg, 'bad')];
    expect(less?.to).toBeCloseTo(markOf(svg), 0);
    expect(more?.from).toBeCloseTo(markOf(svg), 0);
    expect((more?.to ?? 0) - (more?.from ?? 0)).toBeGreaterThan((less?.to ?? 0) - (less?.from ?? 0));
  });

  it('draws goals as shares of what is allowed, a missed one beyond 100 %', () => {
    const svg = chart('goals.svg');
    const [[good], [bad]] = [barsOf(svg, 'good'), barsOf(svg, 'bad')];
    expect(good?.from).toBe(bad?.from);
    expect(((good?.to ?? 0) - (good?.from ?? 0)) / (markOf(svg) - (good?.from ?? 0))).toBeCloseTo(0.8, 2);
    expect(((bad?.to ?? 0) - (bad?.from ?? 0)) / (markOf(svg) - (bad?.from ?? 0))).toBeCloseTo(3, 1);
    expect(svg).toContain('80 % of 0.625 ×');
    expect(svg).toContain('300 % of 3 ×');
  });

  it('aligns the columns of the table', () => {
    const lines = tableText(measured)
      .split('\n')
      .filter((line) => /^ {2}(?:met|missed)/.test(line));
    expect(new Set(lines.map((line) => line.indexOf('×')))).toHaveLength(1);
  });

  it('has in the document the results first, then how each was measured, and on what', () => {
    const text = documentOf({ measured, machine });
    const inOrder = [
      ...CHARTS.map(({ file }) => `](${file})`),
      '### An example\n\n|  | ours | compared with | ratio | goal | met |',
      '| missed | 9 ms | 1 ms | 9.00 × | ≤ 3 × | no |',
      '### An example: method\n\nWhat is measured.\nWhat it is compared with.\n',
      '- Cores: 2 (a processor)\n- Node: v24\n',
    ].map((part) => text.indexOf(part));
    expect(inOrder).not.toContain(-1);
    expect(inOrder).toEqual(inOrder.toSorted((one, other) => one - other));
  });

  it('keeps bars out of the cells of the document', () => {
    const rows = [{ ...met, name: 'one | other' }];
    expect(documentOf({ measured: [{ benchmark, rows }], machine: {} })).toContain('| one \\| other |');
  });
});

describe('what a buyer reads first', () => {
  const named = (name: string, rows: readonly Row[]): Measured => ({ benchmark: { ...benchmark, name }, rows });
  const row = (name: string, ours: string, reference = ''): Row => ({ name, ours, reference, ratio: 1 });
  const all = [
    named('rejections', [row('requests, 1,000 clients', '1', '1,000')]),
    named('memory', [row('a token, between 1,000 and 10,000', '10 kB')]),
    named('cluster', [
      row('revoked → success, p50', '38 ms'),
      row('API requests for a change', '1 (24 for 24)'),
      row('image token-acquirer, compressed', '44 MB'),
    ]),
  ];

  it('is five sentences with what was measured', () => {
    expect(summaryOf(all)).toEqual([
      'When a token of 1,000 clients is revoked, the authorization server gets one request. It would get 1,000 if each client requested its own.',
      'In a cluster, a call with a revoked token succeeds after 38 ms (median).',
      'A renewal costs the Kubernetes API server one request.',
      'Each further token takes 10 kB of memory.',
      'The image is 44 MB to pull.',
    ]);
  });

  it('leaves out what was not measured, and flatters nothing', () => {
    const worse = [named('rejections', [row('requests, 1,000 clients', '3', '1,000')])];
    expect(summaryOf(worse)).toEqual([
      'When a token of 1,000 clients is revoked, the authorization server gets 3 requests. It would get 1,000 if each client requested its own.',
    ]);
  });
});

describe('recorded results', () => {
  it('are read as they were written', () => {
    const results = { measured, machine };
    expect(parseResults(resultsText(results), [benchmark])).toEqual(results);
  });

  it.each([
    ['a benchmark that no longer exists', { machine: {}, benchmarks: [{ name: 'old', rows: [] }] }, 'no benchmark old'],
    ['something else', { machine: {}, rows: [] }, 'benchmarks'],
  ])('are rejected with %s', (_, results, message) => {
    expect(() => parseResults(JSON.stringify(results), [benchmark])).toThrow(message);
  });

  const folder = new URL('../../docs/project/benchmarks/', import.meta.url);
  const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
  const recorded = parseResults(read('results.json'), BENCHMARKS);

  it('are what the page shows: run npm run bench -- --report', () => {
    expect(documentOf(recorded)).toBe(read('README.md'));
    for (const one of CHARTS) expect(chartOf(one, recorded.measured)).toBe(read(one.file));
  });

  it('answer the six questions of a buyer, and fill each chart', () => {
    expect(summaryOf(recorded.measured)).toHaveLength(6);
    for (const { file } of CHARTS) {
      const rows = chart(file, recorded.measured).match(/<rect class="(?:good|bad|neutral)"/g);
      expect(rows?.length).toBeGreaterThan(3);
    }
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
  it('is described with its versions', () => {
    const facts = machineFacts(startNow());
    expect(Object.keys(facts)).toEqual(
      expect.arrayContaining(['Date', 'Cores', 'Memory', 'Kernel', 'Node', 'Packages']),
    );
    expect(facts['Packages']).toMatch(/openid-client \d+\.\d+/);
  });
});

describe('the cost of many tokens', () => {
  const rowFor = (name: string, ours: string): Row => ({ name, ours, reference: '', ratio: 1 });
  const named = (name: string, rows: readonly Row[]): Measured => {
    const found = BENCHMARKS.find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no benchmark ${name}.`);
    return { benchmark: found, rows };
  };
  const costs = [
    named('directory', [
      rowFor('100 tokens: processor time for a renewal', '1.5 ms'),
      rowFor('10,000 tokens: processor time for a renewal', '2 ms'),
      rowFor('10,000 tokens: memory for a token', '9.5 kB'),
    ]),
  ];

  it.each([
    ['2.5 ms', 2.5],
    ['9.96 kB; idle 155 MB', 9960],
    ['1,200', 1200],
    ['1.5 MB', 1_500_000],
    ['–', undefined],
    [undefined, undefined],
  ])('reads the amount of %s', (text, amount) => {
    expect(amountOf(text)).toBe(amount);
  });

  it('is multiplied by a million in the page, and what is missing is named', () => {
    const page = 'before\n<!-- unit costs: begin; written by npm run bench -->\nold\n<!-- unit costs: end -->\nafter\n';
    const renewed = withUnitCosts(page, costs);
    expect(renewed).toContain('| processor time for a renewal, token directory | 2 ms | `directory` |');
    expect(renewed).toContain('| processor time for a renewal, Secrets | not measured | `renewals` |');
    // 1,000,000 renewals in 0.67 × 0.975 h, at 2 ms each.
    expect(renewed).toContain('| renewals a second | 425 | 53.2 | 17.7 |');
    expect(renewed).toContain('| processors of all token-acquirers | 0.85 | 0.106 | 0.0354 |');
    expect(renewed).not.toContain('old');
    expect(withUnitCosts(renewed, costs)).toBe(renewed);
    expect(() => withUnitCosts('no marks', costs)).toThrow('The page has no');
  });

  it('is drawn by the number of tokens', () => {
    const svg = growthOf(costs);
    expect(svg).toContain('Processor time for a renewal, token directory, 100 tokens: 1.5 ms.');
    expect(svg.match(/<circle/g)).toHaveLength(3);
    expect(svg).not.toContain('NaN');
    expect(growthOf([])).not.toContain('NaN');
  });

  it('replaces the rows that were measured before', () => {
    const later = { measured: costs, machine: { Date: 'now', 'Load average': '1.0 before, 1.0 after' } };
    const first = { measured: [named('memory', []), named('directory', [])], machine: { Date: 'then' } };
    const both = withRows(first, later);
    expect(both.measured.map(({ benchmark: { name }, rows }) => [name, rows.length])).toEqual([
      ['memory', 0],
      ['directory', 3],
    ]);
    expect(both.machine).toMatchObject({ Date: 'then', 'Measured later: directory': expect.stringContaining('now') });
    expect(withRows({ ...first, measured: [] }, later).measured).toHaveLength(1);
  });
});
