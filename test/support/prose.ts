import { parseSync } from 'oxc-parser';
import { lineCounter, parse, walk } from './architecture/syntax.ts';

/** A piece of text that people read, as one line of words. */
export interface Prose {
  readonly path: string;
  /** The first line, counted from 1. */
  readonly line: number;
  readonly text: string;
}

/** Returns the prose of a file: all words of a document, the comments and sentences of code, the comments of charts. */
export function proseIn(path: string, text: string): Prose[] {
  if (path.endsWith('.md')) return ofDocument(path, text);
  if (/\.(?:ts|mjs|js)$/.test(path)) return ofCode(path, text);
  return path.endsWith('NOTES.txt') ? ofNotes(path, text) : ofChart(path, text);
}

/** Returns the sentences of a text. A sentence ends with punctuation before a space. */
export function sentencesOf(text: string): string[] {
  return text
    .replaceAll(/\b(e\.g|i\.e|etc|vs|cf|no)\./gi, '$1')
    .split(/(?<=[.!?:;][)"*_]*)\s+(?=\S)/)
    .filter((sentence) => sentence.trim() !== '');
}

export function wordsOf(sentence: string): string[] {
  return sentence.match(/[\p{L}\d][\p{L}\d'’./_-]*/gu) ?? [];
}

/** Returns paragraphs, list items and table cells, without code, addresses and generated marks. */
function ofDocument(path: string, text: string): Prose[] {
  const pieces: Prose[] = [];
  let open: { line: number; lines: string[] } | undefined;
  let isCode = false;
  const close = (): void => {
    if (open !== undefined) pieces.push({ path, line: open.line, text: plain(open.lines.join(' ')) });
    open = undefined;
  };
  for (const [index, line] of text.split('\n').entries()) {
    const isFence = /^\s*```/.test(line);
    if (isFence) isCode = !isCode;
    if (isFence || isCode || line.trim() === '' || /^\s*<!--.*-->\s*$/.test(line)) close();
    else if (line.trimStart().startsWith('|')) {
      close();
      pieces.push(...cellsOf(line).map((cell) => ({ path, line: index + 1, text: plain(cell) })));
    } else if (/^\s*(?:#|[-*] |\d+\. )/.test(line)) {
      close();
      open = { line: index + 1, lines: [line.replace(/^\s*(?:#+|[-*]|\d+\.) /, '')] };
      if (/^\s*#/.test(line)) close();
    } else {
      open ??= { line: index + 1, lines: [] };
      open.lines.push(line.trim().replace(/^> ?/, ''));
    }
  }
  close();
  return pieces;
}

function cellsOf(row: string): string[] {
  return row
    .replaceAll(String.raw`\|`, '/')
    .split('|')
    .filter((cell) => /\p{L}/u.test(cell));
}

function plain(text: string): string {
  return text
    .replaceAll(/`+[^`]*`+/g, 'X')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/https?:\S+/g, 'X')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Returns comments, and strings of more than one word. Adjacent comment lines are one piece. */
function ofCode(path: string, text: string): Prose[] {
  const lineOf = lineCounter(text);
  const { comments } = parseSync(path, text);
  const pieces: { line: number; last: number; text: string }[] = [];
  for (const { start, end, value } of comments) {
    const [line, last] = [lineOf(start), lineOf(end)];
    const words = value.replaceAll(/^\s*\*/gm, ' ');
    const before = pieces.at(-1);
    if (before?.last === line - 1 && text.slice(start, start + 2) === '//') {
      before.text += ` ${words}`;
      before.last = last;
    } else pieces.push({ line, last, text: words });
  }
  for (const { node } of walk(parse(path, text))) {
    const said = stringOf(node);
    if (said !== undefined && /\p{L} \p{L}/u.test(said)) pieces.push({ line: lineOf(node.start), last: 0, text: said });
  }
  return pieces.map(({ line, text: said }) => ({ path, line, text: plain(said) }));
}

function stringOf(node: Readonly<Record<string, unknown>>): string | undefined {
  const { type, value, quasis } = node;
  if (type === 'Literal' && typeof value === 'string') return value;
  if (type !== 'TemplateLiteral' || !Array.isArray(quasis)) return undefined;
  return quasis.map((quasi: { readonly value: { readonly cooked: string } }) => quasi.value.cooked).join('X');
}

function ofNotes(path: string, text: string): Prose[] {
  return text
    .split('\n')
    .map((line, index) => ({ path, line: index + 1, text: plain(line.replaceAll(/\{\{.*?\}\}/g, 'X')) }))
    .filter(({ text: said }) => said !== '');
}

/** Returns the comments of YAML and of templates, and the sentences that a template prints. */
function ofChart(path: string, text: string): Prose[] {
  const pieces: Prose[] = [];
  let open: { line: number; lines: string[] } | undefined;
  const close = (): void => {
    if (open !== undefined) pieces.push({ path, line: open.line, text: plain(open.lines.join(' ')) });
    open = undefined;
  };
  for (const [index, line] of text.split('\n').entries()) {
    const comment = /^\s*#+ ?(.*)$|\s#+ (.*)$/.exec(line);
    if (comment === null) close();
    else {
      open ??= { line: index + 1, lines: [] };
      open.lines.push(comment[1] ?? comment[2] ?? '');
    }
    const said = [...line.matchAll(/"([^"]*\p{L} \p{L}[^"]*)"/gu)].map(([, words]) => words ?? '');
    pieces.push(...said.map((words) => ({ path, line: index + 1, text: plain(words) })));
  }
  close();
  const lineOf = lineCounter(text);
  for (const { 1: words, index } of text.matchAll(/\{\{-?\s*\/\*([^]*?)\*\//g))
    pieces.push({ path, line: lineOf(index), text: plain(words ?? '') });
  return pieces;
}
