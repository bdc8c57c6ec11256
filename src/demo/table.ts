/** A row holds one text for each column. */
export type Row = readonly string[];

export interface Column {
  readonly heading: string;
  /** Characters; longer texts go on in the next line. */
  readonly width: number;
}

const GAP = '  ';

/** A table for a terminal, in lines without trailing blanks. */
export function formatTable(columns: readonly Column[], rows: readonly Row[]): string[] {
  const head = columns.map(({ heading }) => heading);
  const rule = columns.map(({ width }) => '─'.repeat(width));
  return [head, rule, ...rows].flatMap((row) => formatRow(columns, row));
}

function formatRow(columns: readonly Column[], row: Row): string[] {
  const cells = columns.map(({ width }, index) => wrap(row[index] ?? '', width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    columns
      .map(({ width }, index) => (cells[index]?.[line] ?? '').padEnd(width))
      .join(GAP)
      .trimEnd(),
  );
}

/** Breaks at blanks; a word that is longer than a line is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((part) => cut(part, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function cut(word: string, width: number): string[] {
  const parts: string[] = [];
  for (let start = 0; start < word.length || start === 0; start += width) parts.push(word.slice(start, start + width));
  return parts;
}
