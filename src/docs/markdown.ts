type Row = readonly string[];

/** A Markdown table. A cell is one line; bars in it are escaped. */
export function table(headings: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text in the type of a program: `text`. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** A list of such texts. */
export function codes(texts: Iterable<string>): string {
  return [...texts].map(code).join(', ');
}
