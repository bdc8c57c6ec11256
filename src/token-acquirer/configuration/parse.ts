import { basename, dirname } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { crossChecks } from './cross-checks.ts';
import { ConfigurationError, type Fault, type Position } from './faults.ts';
import { type Configuration, resolveConfiguration } from './resolve.ts';
import { configurationSchema } from './schema.ts';

/**
 * Reads the text of a configuration file; `file` is its path, for messages and relative paths.
 * Throws ConfigurationError with every fault at once.
 */
export function parseConfiguration(text: string, file: string): Configuration {
  const parsed = configurationSchema.safeParse(contentOf(text, file));
  const faults = parsed.success ? crossChecks(parsed.data) : parsed.error.issues.flatMap(faultsOf);
  if (!parsed.success || faults.length > 0) throw new ConfigurationError(basename(file), located(faults, text));
  return deepFreeze(resolveConfiguration(parsed.data, dirname(file)));
}

interface Parsed {
  readonly document: Document;
  readonly lines: LineCounter;
}

function parse(text: string): Parsed {
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' }), lines };
}

/** Parses the text again, because the document of thousands of tokens is too large to keep for faults that few have. */
function located(faults: readonly Fault[], text: string): Fault[] {
  const { document, lines } = parse(text);
  return faults.map((fault) => Object.assign({}, fault, positionOf(document, lines, fault)));
}

/** Reads what the text says. Throws ConfigurationError with every fault of the YAML, which makes all after it guesswork. */
function contentOf(text: string, file: string): unknown {
  const { document, lines } = parse(text);
  const faults = [...document.errors.map((error) => yamlFault(error, lines)), ...danglingAliases(document, lines)];
  if (faults.length > 0) throw new ConfigurationError(basename(file), faults);
  try {
    return document.toJS();
  } catch {
    throw new ConfigurationError(basename(file), [
      { path: [], message: 'repeats itself by YAML aliases more often than is sound', line: 1, column: 1 },
    ]);
  }
}

function yamlFault({ code, pos }: { code: string; pos: [number, number] }, lines: LineCounter): Fault {
  const { line, col } = lines.linePos(pos[0]);
  // The library's own message can quote the line.
  return {
    path: [],
    message: `is not well-formed YAML (${code.toLowerCase().replaceAll('_', ' ')})`,
    line,
    column: col,
  };
}

/** `*name` that no `&name` stands before: the library tells of those, and of too many, by throwing as it reads them. */
function danglingAliases(document: Document, lines: LineCounter): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return;
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
      const message = 'is a YAML alias of nothing; write a text that begins with "*" in quotes';
      faults.push({ path: [], message, line, column: col });
    },
  });
  return faults;
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: 'is not a key that is known here; look for a misspelling',
      atKey: true,
    }));
  }
  if (issue.code === 'invalid_key')
    return [{ path: issue.path, message: issue.issues[0]?.message ?? 'is not a valid name', atKey: true }];
  if (issue.code === 'invalid_union' && issue.message === UNSAID) return unionFaults(issue);
  return [{ path: issue.path, message: sentencePart(issue) }];
}

/** The faults of the form that was meant: the one whose type the value has. */
function unionFaults({ errors, path }: z.core.$ZodIssueInvalidUnion): Fault[] {
  const ofWrongType = (issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssueInvalidType | undefined =>
    issues.find(
      (issue): issue is z.core.$ZodIssueInvalidType => issue.code === 'invalid_type' && issue.path.length === 0,
    );
  const meant = errors.find((issues) => ofWrongType(issues) === undefined);
  if (meant !== undefined) {
    return meant.flatMap(faultsOf).map((fault) => Object.assign({}, fault, { path: [...path, ...fault.path] }));
  }
  const forms = errors.flatMap((issues) => ofWrongType(issues)?.expected ?? []);
  return [{ path, message: `must be ${forms.map((form) => ARTICLES[form] ?? form).join(' or ')}` }];
}

function sentencePart(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code !== 'invalid_type') return issue.message;
  const missing = issue.message.endsWith('received undefined');
  return missing
    ? `is missing; it must be ${ARTICLES[issue.expected] ?? issue.expected}`
    : `must be ${ARTICLES[issue.expected] ?? issue.expected}`;
}

/** What zod says of a union for which the schema has no sentence. */
const UNSAID = 'Invalid input';

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a text',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  boolean: 'true or false',
};

/** The place of the longest part of the path that the file has: its value, or for a wrong key the key. */
function positionOf(document: Document, lines: LineCounter, { path, atKey }: Fault): Required<Position> {
  for (let length = path.length; length > 0; length -= 1) {
    const node = nodeAt(document, path.slice(0, length), atKey === true && length === path.length);
    if (!isNode(node) || node.range === null || node.range === undefined) continue;
    const { line, col } = lines.linePos(node.range[0]);
    return { line, column: col };
  }
  return { line: 1, column: 1 };
}

function nodeAt(document: Document, path: readonly PropertyKey[], key: boolean): unknown {
  if (!key) return document.getIn(path, true);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  return isMap(parent)
    ? parent.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1))?.key
    : undefined;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
