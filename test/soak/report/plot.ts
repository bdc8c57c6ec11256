import type { Observed } from '../observed.ts';

const WIDTH = 960;
const LEFT = 80;
const RIGHT = 190;
const PANEL = 170;
const GAP = 56;
const TOP = 70;

const COLORS = ['#0969da', '#cf222e', '#1a7f37', '#8250df', '#bf8700', '#57606a', '#e16f24', '#0a3069'];

const STYLE = `
    .page { fill: #ffffff; }
    .grid { stroke: #d1d9e0; }
    .event { stroke: #cf222e; stroke-opacity: 0.18; }
    .line { fill: none; stroke-width: 1.5; }
    text { fill: #1f2328; font: 12px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
    .title { font-size: 16px; font-weight: 600; }
    .group { font-weight: 600; }
    .note { fill: #57606a; }
    .end { text-anchor: end; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      .grid { stroke: #2f3742; }
      text { fill: #f0f6fc; }
      .note { fill: #b1bac4; }
    }`;

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [at: number, value: number])[];
}

export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

export interface Plot {
  readonly title: string;
  /** Of the time axis, which begins at 0. */
  readonly seconds: number;
  readonly panels: readonly Panel[];
  /** Moments with a pale red mark. */
  readonly marks: readonly number[];
}

/** Memory, descriptors and calls over time. The marks are disturbances of processes and of the server. */
export function plotOf(observed: Observed): string {
  const { seconds, disturbed, options } = observed;
  const title = `Soak: ${(seconds / 60).toFixed(0)} min, seed ${options.seed}`;
  const marks = disturbed.filter(({ kind }) => MARKED.test(kind)).map(({ began }) => began);
  return drawn({ title, seconds, panels: panelsOf(observed), marks });
}

/** Draws panels over the same time, one above the other. */
export function drawn(plot: Plot): string {
  const { title, panels } = plot;
  const height = TOP + panels.length * (PANEL + GAP);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description">`,
    `  <title id="title">${title}</title>`,
    `  <desc id="description">${panels.map(({ title: name, lines }) => `${name}: ${lines.map((line) => line.name).join(', ')}.`).join(' ')}</desc>`,
    `  <style>${STYLE}`,
    '  </style>',
    `  <rect class="page" width="${WIDTH}" height="${height}" />`,
    `  <text class="title" x="24" y="30">${title}</text>`,
    ...panels.flatMap((panel, index) => panelLines(panel, TOP + index * (PANEL + GAP), plot)),
    '</svg>',
  ].join('\n')}\n`;
}

function panelsOf({ processes, rates }: Observed): Panel[] {
  const ours = processes.filter(({ judged }) => judged);
  return [
    {
      title: 'Anonymous memory, MB',
      lines: ours.map(({ name, samples }) => ({
        name,
        points: samples.map(({ at, memory }) => [at, memory / 1e6] as const),
      })),
    },
    {
      title: 'Open descriptors',
      lines: ours.map(({ name, samples }) => ({
        name,
        points: samples.map(({ at, descriptors }) => [at, descriptors] as const),
      })),
    },
    {
      title: 'Calls a second',
      lines: [
        { name: 'calls', points: perSecond(rates, ({ calls }) => calls) },
        { name: 'failed', points: perSecond(rates, ({ failed }) => failed) },
      ],
    },
  ];
}

/** How fast a total grew. */
export function perSecond<Rate extends { readonly at: number }>(
  rates: readonly Rate[],
  total: (rate: Rate) => number,
): Line['points'] {
  return rates.slice(1).flatMap((rate, index) => {
    const before = rates[index];
    if (before === undefined || rate.at <= before.at) return [];
    return [[rate.at, (total(rate) - total(before)) / (rate.at - before.at)] as const];
  });
}

function panelLines({ title, lines }: Panel, top: number, { seconds, marks }: Plot): string[] {
  const highest = niceAbove(Math.max(1, ...lines.flatMap(({ points }) => points.map(([, value]) => value))));
  const x = (at: number): number => round(LEFT + (at / seconds) * (WIDTH - LEFT - RIGHT));
  const y = (value: number): number => round(top + PANEL - (value / highest) * PANEL);
  const grid = [0, 0.5, 1].flatMap((share) => [
    `  <line class="grid" x1="${LEFT}" y1="${y(share * highest)}" x2="${WIDTH - RIGHT}" y2="${y(share * highest)}" />`,
    `  <text class="note end" x="${LEFT - 8}" y="${y(share * highest) + 4}">${round(share * highest)}</text>`,
  ]);
  const minutes = seconds / 60;
  const step = Math.max(1, Math.ceil(minutes / 8));
  const times = Array.from({ length: Math.floor(minutes / step) + 1 }, (_, index) => index * step);
  return [
    `  <text class="group" x="24" y="${top - 12}">${title}</text>`,
    ...marks.map((at) => `  <line class="event" x1="${x(at)}" y1="${top}" x2="${x(at)}" y2="${top + PANEL}" />`),
    ...grid,
    ...times.map((time) => `  <text class="note" x="${x(time * 60)}" y="${top + PANEL + 18}">${time} min</text>`),
    ...lines.flatMap(({ name, points }, index) => {
      const color = COLORS[index % COLORS.length];
      const path = thinned(points).map(([at, value]) => `${x(at)},${y(value)}`);
      return [
        `  <polyline class="line" stroke="${color}" points="${path.join(' ')}" />`,
        `  <text x="${WIDTH - RIGHT + 14}" y="${top + 14 + index * 18}" style="fill: ${color}">${name}</text>`,
      ];
    }),
  ];
}

const MARKED = /^(?:killed|restarted|stopped|server-)/;
const MOST_POINTS = 600;

function thinned(points: Line['points']): Line['points'] {
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => index % every === 0);
}

/** The next of 1, 2, 5, 10, 20 and so on. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
