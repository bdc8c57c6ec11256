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

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [at: number, value: number])[];
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** Memory, descriptors and calls over time, one above the other. Pale red marks are disturbances of processes and server. */
export function plotOf(observed: Observed): string {
  const panels = panelsOf(observed);
  const height = TOP + panels.length * (PANEL + GAP);
  const title = `Soak: ${(observed.seconds / 60).toFixed(0)} min, seed ${observed.options.seed}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description">`,
    `  <title id="title">${title}</title>`,
    `  <desc id="description">${panels.map(({ title: name, lines }) => `${name}: ${lines.map((line) => line.name).join(', ')}.`).join(' ')}</desc>`,
    `  <style>${STYLE}`,
    '  </style>',
    `  <rect class="page" width="${WIDTH}" height="${height}" />`,
    `  <text class="title" x="24" y="30">${title}</text>`,
    ...panels.flatMap((panel, index) => panelLines(panel, TOP + index * (PANEL + GAP), observed)),
    '</svg>',
  ].join('\n')}\n`;
}

function panelsOf({ processes, rates }: Observed): Panel[] {
  const ours = processes.filter(({ judged }) => judged);
  const perSecond = (value: (rate: Observed['rates'][number]) => number): Line['points'] =>
    rates.slice(1).flatMap((rate, index) => {
      const before = rates[index];
      return before === undefined || rate.at <= before.at
        ? []
        : [[rate.at, (value(rate) - value(before)) / (rate.at - before.at)] as const];
    });
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
        { name: 'calls', points: perSecond(({ calls }) => calls) },
        { name: 'failed', points: perSecond(({ failed }) => failed) },
      ],
    },
  ];
}

function panelLines({ title, lines }: Panel, top: number, { seconds, disturbed }: Observed): string[] {
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
    ...disturbed
      .filter(({ kind }) => MARKED.test(kind))
      .map(({ began }) => `  <line class="event" x1="${x(began)}" y1="${top}" x2="${x(began)}" y2="${top + PANEL}" />`),
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
