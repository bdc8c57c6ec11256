import type { Measured, Row } from '../benchmark.ts';
import { ratioText } from './numbers.ts';

const WIDTH = 960;
const LEFT = 400;
const RIGHT = 140;
const TOP = 64;
const BOTTOM = 16;
const LINE = 24;
const GROUP = 34;

/** Of every picture. */
export const STYLE = `
    .page { fill: #ffffff; }
    .grid { stroke: #d1d9e0; }
    .mark { stroke: #57606a; stroke-width: 2; }
    .good { fill: #1a7f37; }
    .bad { fill: #cf222e; }
    .neutral { fill: #0969da; }
    text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
    .title { font-size: 16px; font-weight: 600; }
    .group { font-weight: 600; }
    .note { fill: #57606a; font-size: 12px; }
    .middle { text-anchor: middle; }
    .end { text-anchor: end; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      .grid { stroke: #2f3742; }
      .mark { stroke: #9198a1; }
      .good { fill: #3fb950; }
      .bad { fill: #f85149; }
      .neutral { fill: #58a6ff; }
      text { fill: #f0f6fc; }
      .note { fill: #b1bac4; }
    }`;

/** A line of a chart. */
interface Bar {
  readonly name: string;
  readonly value: number;
  readonly text: string;
  readonly kind: 'good' | 'bad' | 'neutral';
}

interface Scale {
  /** Where the bars begin. */
  readonly from: number;
  /** What they are held against, with its name. */
  readonly mark: { readonly value: number; readonly name: string };
  readonly ticks: readonly { readonly value: number; readonly name: string }[];
  readonly at: (value: number) => number;
}

export interface Chart {
  readonly file: string;
  readonly title: string;
  /** What a reader may conclude, in Markdown. */
  readonly meaning: string;
  /** `undefined`: the row is not in this chart. */
  readonly barOf: (row: Row) => Bar | undefined;
  readonly scaleOf: (values: readonly number[]) => Scale;
}

export const CHARTS: readonly Chart[] = [
  {
    file: 'peers.svg',
    title: 'Compared with other ways to do the same',
    meaning:
      'A green bar to the left of *equal* is less work or time than the other way takes. The scale is one of powers of ten.',
    barOf: (row) => (row.against === 'peer' ? ratioBar(row, row.ratio <= 1 ? 'good' : 'bad') : undefined),
    scaleOf: (values) => powersOfTen(values, 'equal'),
  },
  {
    file: 'floor.svg',
    title: 'Compared with the least that is possible',
    meaning: 'A short bar is close to what nobody could do better. *1 ×* is that least.',
    barOf: (row) => (row.against === 'floor' ? ratioBar(row, 'neutral') : undefined),
    scaleOf: (values) => powersOfTen(values, '1 ×'),
  },
  {
    file: 'goals.svg',
    title: 'Compared with the goals',
    meaning: 'How much of what we allow ourselves is used. Green bars end at 100 % or before.',
    barOf: (row) => goalBar(row),
    scaleOf: shares,
  },
];

function ratioBar({ name, ratio }: Row, kind: Bar['kind']): Bar {
  return { name, value: ratio, text: ratioText(ratio), kind };
}

/** Only goals that are limits: how much of "exactly 1" is used says nothing. */
function goalBar({ name, ratio, goal }: Row): Bar | undefined {
  if (goal === undefined || !goal.text.startsWith('≤')) return undefined;
  const value = ratio / goal.ratio;
  const text = `${Math.round(value * 100)} % of ${goal.text.replace('≤ ', '')}`;
  return { name, value, text, kind: goal.met ? 'good' : 'bad' };
}

function powersOfTen(values: readonly number[], name: string): Scale {
  const logs = values.map((value) => Math.log10(value));
  const low = Math.min(0, Math.floor(Math.min(...logs)));
  const high = Math.max(1, Math.ceil(Math.max(...logs)));
  const unit = (WIDTH - LEFT - RIGHT) / (high - low);
  const powers = Array.from({ length: high - low + 1 }, (_, index) => low + index).filter((power) => power !== 0);
  return {
    from: 1,
    mark: { value: 1, name },
    ticks: powers.map((power) => ({ value: 10 ** power, name: `${10 ** power} ×` })),
    at: (value) => round(LEFT + (Math.log10(value) - low) * unit),
  };
}

function shares(values: readonly number[]): Scale {
  const most = Math.max(1, ...values);
  return {
    from: 0,
    mark: { value: 1, name: '100 %' },
    ticks: [0, 0.5].map((value) => ({ value, name: `${value * 100} %` })),
    at: (value) => round(LEFT + (value / most) * (WIDTH - LEFT - RIGHT)),
  };
}

/** The chart as one SVG for light and dark pages. */
export function chartOf(chart: Chart, measured: readonly Measured[]): string {
  const groups = measured
    .map(({ benchmark, rows }) => ({ title: benchmark.title, bars: rows.flatMap((row) => chart.barOf(row) ?? []) }))
    .filter(({ bars }) => bars.length > 0);
  const bars = groups.flatMap((group) => group.bars);
  const scale = chart.scaleOf(bars.map(({ value }) => value));
  const height = TOP + groups.length * GROUP + bars.length * LINE + BOTTOM;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description">`,
    `  <title id="title">${escape(chart.title)}</title>`,
    `  <desc id="description">${escape(bars.map(({ name, text }) => `${name}: ${text}.`).join(' '))}</desc>`,
    `  <style>${STYLE}`,
    '  </style>',
    `  <rect class="page" width="${WIDTH}" height="${height}" />`,
    `  <text class="title" x="24" y="30">${escape(chart.title)}</text>`,
    ...gridOf(scale, height),
    ...groupsOf(groups, scale),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

function gridOf({ ticks, mark, at }: Scale, height: number): string[] {
  const line = (kind: string, { value, name }: Scale['mark']): string[] => {
    const x = at(value);
    return [
      `  <line class="${kind}" x1="${x}" y1="${TOP}" x2="${x}" y2="${height - BOTTOM}" />`,
      `  <text class="note middle" x="${x}" y="${TOP - 8}">${name}</text>`,
    ];
  };
  return [...ticks.flatMap((tick) => line('grid', tick)), ...line('mark', mark)];
}

interface Group {
  readonly title: string;
  readonly bars: readonly Bar[];
}

function groupsOf(groups: readonly Group[], scale: Scale): string[] {
  let y = TOP;
  return groups.flatMap(({ title, bars }) => {
    y += GROUP;
    const heading = `  <text class="group" x="24" y="${y - 10}">${escape(title)}</text>`;
    const lines = bars.flatMap((bar) => {
      y += LINE;
      return linesOf(bar, y - LINE, scale);
    });
    return [heading, ...lines];
  });
}

function linesOf({ name, value, text, kind }: Bar, y: number, { from, at }: Scale): string[] {
  const [left, right] = [Math.min(at(from), at(value)), Math.max(at(from), at(value))];
  return [
    `  <text class="end" x="${LEFT - 14}" y="${y + 17}">${escape(name)}</text>`,
    `  <rect class="${kind}" x="${left}" y="${y + 5}" width="${round(Math.max(2, right - left))}" height="14" rx="2" />`,
    `  <text class="end" x="${WIDTH - 8}" y="${y + 17}">${escape(text)}</text>`,
  ];
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
