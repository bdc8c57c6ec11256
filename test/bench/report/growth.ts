import type { Measured } from '../benchmark.ts';
import { amountOf } from './amounts.ts';
import { escape, round, STYLE } from './charts.ts';
import { bytes, milliseconds, number } from './numbers.ts';

/** The file of the plot. */
export const GROWTH = 'growth.svg';

const TITLE = 'Cost for each token, by the number of tokens';
const [WIDTH, PANEL, TOP, LEFT, RIGHT, GAP] = [960, 190, 64, 120, 200, 70];
const HEIGHT = TOP + 2 * PANEL + GAP + 40;

interface Panel {
  readonly title: string;
  /** The rows, whose names begin with the number of tokens. */
  readonly rows: readonly string[];
  readonly text: (value: number) => string;
}

interface Point {
  readonly tokens: number;
  readonly value: number;
}

interface Series {
  readonly name: string;
  readonly kind: 'neutral' | 'good';
  readonly points: readonly Point[];
}

const PANELS: readonly Panel[] = [
  { title: 'Processor time for a renewal', rows: ['processor time for a renewal'], text: milliseconds },
  {
    title: 'Memory for a token',
    rows: ['memory for a token', 'memory when idle, for each token more'],
    text: bytes,
  },
];

const PLACES = [
  { benchmark: 'directory', name: 'token directory', kind: 'neutral' },
  { benchmark: 'renewals', name: 'Secrets', kind: 'good' },
] as const;

/** The plot as one SVG for light and dark pages. */
export function growthOf(measured: readonly Measured[]): string {
  const panels = PANELS.map((panel) => ({ panel, series: seriesOf(panel, measured) }));
  const said = panels.flatMap(({ panel, series }) =>
    series.flatMap(({ name, points }) =>
      points.map(({ tokens, value }) => `${panel.title}, ${name}, ${number(tokens)} tokens: ${panel.text(value)}.`),
    ),
  );
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title description">`,
    `  <title id="title">${escape(TITLE)}</title>`,
    `  <desc id="description">${escape(said.join(' '))}</desc>`,
    `  <style>${STYLE}`,
    '    polyline { fill: none; stroke-width: 2; }',
    '    polyline.neutral { fill: none; stroke: #0969da; }',
    '    polyline.good { fill: none; stroke: #1a7f37; }',
    '  </style>',
    `  <rect class="page" width="${WIDTH}" height="${HEIGHT}" />`,
    `  <text class="title" x="24" y="30">${escape(TITLE)}</text>`,
    ...panels.flatMap(({ panel, series }, place) => panelLines(panel, series, TOP + place * (PANEL + GAP))),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

function seriesOf({ rows }: Panel, measured: readonly Measured[]): readonly Series[] {
  return PLACES.map(({ benchmark, name, kind }) => {
    const found = measured.find((one) => one.benchmark.name === benchmark)?.rows ?? [];
    const points = found.flatMap((row): Point[] => {
      const [, tokens = '', what = ''] = /^([\d,]+) tokens: (.*)$/.exec(row.name) ?? [];
      const value = amountOf(row.ours);
      const isShown = rows.includes(what) && value !== undefined && value > 0;
      return isShown ? [{ tokens: Number(tokens.replaceAll(',', '')), value }] : [];
    });
    return { name, kind, points };
  }).filter(({ points }) => points.length > 0);
}

function panelLines({ title, text }: Panel, series: readonly Series[], top: number): string[] {
  const all = series.flatMap(({ points }) => points);
  const [low, high] = [2, Math.max(4, ...all.map(({ tokens }) => Math.log10(tokens)))];
  const most = Math.max(1, ...all.map(({ value }) => value)) * 1.2;
  const x = (tokens: number): number =>
    round(LEFT + ((Math.log10(tokens) - low) / (high - low)) * (WIDTH - LEFT - RIGHT));
  const y = (value: number): number => round(top + PANEL - (value / most) * (PANEL - 30));
  const ticks = [...new Set(all.map(({ tokens }) => tokens))].toSorted((one, other) => one - other);
  return [
    `  <text class="group" x="24" y="${top + 12}">${escape(title)}</text>`,
    `  <line class="mark" x1="${LEFT - 20}" y1="${top + PANEL}" x2="${WIDTH - RIGHT + 20}" y2="${top + PANEL}" />`,
    ...ticks.flatMap((tokens) => [
      `  <line class="grid" x1="${x(tokens)}" y1="${top + 24}" x2="${x(tokens)}" y2="${top + PANEL}" />`,
      `  <text class="note middle" x="${x(tokens)}" y="${top + PANEL + 18}">${number(tokens)}</text>`,
    ]),
    ...series.flatMap(({ name, kind, points }) => [
      `  <polyline class="${kind}" points="${points.map(({ tokens, value }) => `${x(tokens)},${y(value)}`).join(' ')}" />`,
      ...points.flatMap(({ tokens, value }) => [
        `  <circle class="${kind}" cx="${x(tokens)}" cy="${y(value)}" r="4" />`,
        `  <text class="note middle" x="${x(tokens)}" y="${y(value) - 10}">${escape(text(value))}</text>`,
      ]),
      ...points
        .slice(-1)
        .map(({ tokens, value }) => `  <text x="${x(tokens) + 60}" y="${y(value) + 4}">${escape(name)}</text>`),
    ]),
  ];
}
