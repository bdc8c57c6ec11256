import type { Measured, Row } from '../benchmark.ts';
import { ratioText } from './numbers.ts';

const WIDTH = 960;
const LEFT = 400;
const RIGHT = 110;
const TOP = 64;
const BOTTOM = 34;
const LINE = 24;
const GROUP = 34;

const STYLE = `
    .page { fill: #ffffff; }
    .grid { stroke: #d1d9e0; }
    .one { stroke: #57606a; }
    .met { fill: #1a7f37; }
    .missed { fill: #cf222e; }
    .free { fill: #0969da; }
    .goal { stroke: #9a6700; stroke-width: 3; }
    text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
    .title { font-size: 16px; font-weight: 600; }
    .group { font-weight: 600; }
    .note { fill: #57606a; font-size: 12px; }
    .middle { text-anchor: middle; }
    .end { text-anchor: end; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      .grid { stroke: #2f3742; }
      .one { stroke: #9198a1; }
      .met { fill: #3fb950; }
      .missed { fill: #f85149; }
      .free { fill: #58a6ff; }
      .goal { stroke: #d29922; }
      text { fill: #f0f6fc; }
      .note { fill: #b1bac4; }
    }`;

/** The ratios as bars from 1, on a scale of powers of ten; the goals as marks. One SVG for light and dark pages. */
export function plotOf(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ rows: those }) => those);
  const scale = scaleOf(rows);
  const height = TOP + measured.length * GROUP + rows.length * LINE + BOTTOM;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description">`,
    `  <title id="title">Benchmarks of token-acquirer: ratios</title>`,
    `  <desc id="description">${escape(rows.map(sentenceOf).join(' '))}</desc>`,
    `  <style>${STYLE}`,
    '  </style>',
    `  <rect class="page" width="${WIDTH}" height="${height}" />`,
    '  <text class="title" x="24" y="30">Ours, divided by a peer, the least that is possible, or the goal</text>',
    ...gridOf(scale, height),
    ...groupsOf(measured, scale),
    `  <line class="goal" x1="24" y1="${height - 20}" x2="24" y2="${height - 8}" />`,
    `  <text class="note" x="34" y="${height - 10}">the goal: a bar that ends left of it meets it</text>`,
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

type Scale = { readonly low: number; readonly high: number; readonly at: (ratio: number) => number };

function scaleOf(rows: readonly Row[]): Scale {
  const logs = rows.flatMap(({ ratio, goal }) => [ratio, goal?.ratio ?? 1]).map((ratio) => Math.log10(ratio));
  const low = Math.min(-1, Math.floor(Math.min(...logs)));
  const high = Math.max(1, Math.ceil(Math.max(...logs)));
  const unit = (WIDTH - LEFT - RIGHT) / (high - low);
  return { low, high, at: (ratio) => round(LEFT + (Math.log10(ratio) - low) * unit) };
}

function gridOf({ low, high, at }: Scale, height: number): string[] {
  const powers = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  return powers.flatMap((power) => {
    const x = at(10 ** power);
    return [
      `  <line class="${power === 0 ? 'one' : 'grid'}" x1="${x}" y1="${TOP}" x2="${x}" y2="${height - BOTTOM}" />`,
      `  <text class="note middle" x="${x}" y="${TOP - 8}">${power === 0 ? 'equal' : `${10 ** power} ×`}</text>`,
    ];
  });
}

function groupsOf(measured: readonly Measured[], scale: Scale): string[] {
  let y = TOP;
  return measured.flatMap(({ benchmark, rows }) => {
    y += GROUP;
    const heading = `  <text class="group" x="24" y="${y - 10}">${escape(benchmark.title)}</text>`;
    const bars = rows.flatMap((row) => {
      y += LINE;
      return barOf(row, y - LINE, scale);
    });
    return [heading, ...bars];
  });
}

function barOf({ name, ratio, goal }: Row, y: number, { at }: Scale): string[] {
  const [from, to] = ratio < 1 ? [at(ratio), at(1)] : [at(1), at(ratio)];
  const kind = goal === undefined ? 'free' : goal.met ? 'met' : 'missed';
  const bar = `  <rect class="${kind}" x="${from}" y="${y + 5}" width="${round(Math.max(2, to - from))}" height="14" rx="2" />`;
  const mark = goal && at(goal.ratio);
  return [
    `  <text class="end" x="${LEFT - 14}" y="${y + 17}">${escape(name)}</text>`,
    bar,
    ...(mark === undefined ? [] : [`  <line class="goal" x1="${mark}" y1="${y + 2}" x2="${mark}" y2="${y + 22}" />`]),
    `  <text class="end" x="${WIDTH - 24}" y="${y + 17}">${ratioText(ratio)}</text>`,
  ];
}

function sentenceOf({ name, ratio, goal }: Row): string {
  return `${name}: ${ratioText(ratio)}${goal === undefined ? '' : ` (goal ${goal.text})`}.`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
