import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents } from './support/code-blocks.ts';
import { type Prose, proseIn, sentencesOf } from './support/prose.ts';
import { longSentences, wordFindings } from './support/words.ts';

const ROOT = join(import.meta.dirname, '..');

function proseOf(paths: readonly string[]): Prose[] {
  return paths.flatMap((path) => proseIn(path, readFileSync(join(ROOT, path), 'utf8')));
}

function matching(...patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).toSorted();
}

/** The folders of tests whose words are checked. */
const TEST_FOLDERS: readonly string[] = [
  'bench',
  'charts',
  'client-consumers',
  'clouds',
  'cluster',
  'conformance',
  'contract',
  'contract-versions',
  'demo',
  'e2e',
  'fixtures',
  'images',
  'integration',
  'manifests',
  'real',
  'screenshots',
  'soak',
];

/** Files that contain such words, so that the check can find them. */
const PLANTED: ReadonlySet<string> = new Set(['test/words.test.ts']);

const areas: readonly [name: string, paths: readonly string[]][] = [
  ['the documents', documents(ROOT)],
  ['the charts', matching('charts/**/*.{yaml,tpl}', 'charts/**/NOTES.txt')],
  ['the manifests', matching('manifests/**/*.yaml')],
  ['the source', matching('src/**/*.{ts,mjs,js}')],
  ['the tests of parts', matching('test/{client,client-app,adapters,fakes,support,core,token-acquirer}/**/*.ts')],
  ['the tests', matching('test/*.ts', `test/{${TEST_FOLDERS.join(',')}}/**/*.ts`).filter((path) => !PLANTED.has(path))],
];

describe('the words', () => {
  it.each(areas)('in %s are those of the field', (_, paths) => {
    expect(paths.length).toBeGreaterThan(5);
    expect(proseOf(paths).flatMap(wordFindings)).toEqual([]);
  });

  it('of each sentence in the documents are at most 35', () => {
    expect(proseOf(documents(ROOT)).flatMap(longSentences)).toEqual([]);
  });
});

/** What is found in a file of this name and text. */
function found(path: string, text: string): string[] {
  return proseIn(path, text).flatMap(wordFindings);
}

describe('the word check', () => {
  it.each([
    ['a paragraph, over its line breaks', 'a.md', 'One.\n\nIt stops at\nonce.', 'a.md:3 has "at\nonce"'],
    ['a heading', 'a.md', '# Rights\n', 'a.md:1 has "Rights"'],
    ['a cell of a table', 'a.md', '| a |\n| --- |\n| is told |\n', 'a.md:3 has "told"'],
    ['a list item', 'a.md', '- One\n- Two, lest\n  three.\n', 'a.md:2 has "lest"'],
    ['a comment of code', 'a.ts', 'const a = 1;\n/** Is\n * mended. */\nconst b = 2;\n', 'a.ts:2 has "mended"'],
    ['line comments that follow each other', 'a.ts', '// It is done at\n// once.\n', 'a.ts:1 has "at once"'],
    ['a message of code', 'a.ts', "const a = 'It is a fault.';\n", 'a.ts:1 has "fault"'],
    ['a message with values', 'a.ts', 'const a = `The ${b} is refused.`;\n', 'a.ts:1 has "refused"'],
    ['a comment of YAML', 'a.yaml', 'a: 1 # seldom\n', 'a.yaml:1 has "seldom"'],
    ['a comment of a template', 'a.tpl', '{{/* For\nwhoever. */}}\n', 'a.tpl:1 has "whoever"'],
    ['a sentence that a template prints', 'a.tpl', '{{ fail "it is no fault" }}\n', 'a.tpl:1 has "fault"'],
    ['the notes', 'NOTES.txt', 'Done.\nIt is {{ .a }} in vain.\n', 'NOTES.txt:2 has "in vain"'],
  ])('finds a word in %s', (_, path, text, finding) => {
    expect(found(path, text).map((sentence) => sentence.split(';')[0])).toEqual([finding.replace('\n', ' ')]);
  });

  it.each([
    ['a block of code', 'a.md', '```sh\nmend lest\n```\n'],
    ['code in a line', 'a.md', 'Read `mended` first.\n'],
    ['an address', 'a.md', 'See https://example.com/authority and [this](beside.md).\n'],
    ['an identifier', 'a.ts', 'const mended = lest();\n'],
    ['a single word of code', 'a.ts', "const a = 'refused';\n"],
    ['a template expression', 'NOTES.txt', '{{ if mended }}Done.{{ end }}\n'],
    ['what is left alone', 'a.md', 'It leaves the Secret alone.\n'],
    ['a connection that a host refuses', 'a.md', 'The connection was refused.\n'],
    ['something with its own place', 'a.md', 'A pod of its own namespace.\n'],
  ])('passes %s', (_, path, text) => {
    expect(found(path, text)).toEqual([]);
  });

  it('finds a sentence that is too long, and counts words only', () => {
    const long = `One ${'word '.repeat(35)}ends.`;
    expect(proseIn('a.md', `Short. ${long}\n`).flatMap(longSentences)).toEqual([
      expect.stringContaining('a.md:1 has a sentence of 37 words: "One word'),
    ]);
    expect(proseIn('a.md', `| ${'word '.repeat(20)} | ${'word '.repeat(20)} |\n`).flatMap(longSentences)).toEqual([]);
  });

  it('ends a sentence at a full stop, but not inside a name or an abbreviation', () => {
    expect(sentencesOf('It reads a.yaml, e.g. twice. Then it ends.')).toEqual([
      'It reads a.yaml, e.g twice.',
      'Then it ends.',
    ]);
  });
});
