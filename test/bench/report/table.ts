import type { Measured, Row } from '../benchmark.ts';
import { ratioText } from './numbers.ts';

export const HEADINGS = ['', 'ours', 'compared with', 'ratio', 'goal', 'met'] as const;

/** The cells of a row, under the headings. */
export function cellsOf({ name, ours, reference, ratio, goal }: Row): string[] {
  const met = goal === undefined ? '' : goal.met ? 'yes' : 'no';
  return [name, ours, reference, ratioText(ratio), goal?.text ?? '–', met];
}

/** For a terminal: the rows of each benchmark under its title, all columns aligned. */
export function tableText(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ rows: those }) => those.map(cellsOf));
  const widths = HEADINGS.map((heading, column) => {
    return Math.max(heading.length, ...rows.map((cells) => cells[column]?.length ?? 0));
  });
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `  ${padded.join('  ')}`.trimEnd();
  };
  const blocks = measured.map(({ benchmark, rows: those }) =>
    [`${benchmark.name}: ${benchmark.title}`, ...those.map((row) => line(cellsOf(row)))].join('\n'),
  );
  return [line(HEADINGS), ...blocks].join('\n\n');
}

/** Which goals were missed, as sentences. */
export function missedGoals(measured: readonly Measured[]): string[] {
  return measured.flatMap(({ benchmark, rows }) =>
    rows
      .filter(({ goal }) => goal?.met === false)
      .map((row) => `${benchmark.name}: ${row.name} is ${ratioText(row.ratio)} and should be ${row.goal?.text}.`),
  );
}
