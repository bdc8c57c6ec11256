import { basename, dirname } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { nearestName } from '../../core/nearest-name.ts';
import { KEY_SEPARATOR } from '../forms/value-forms.ts';
import { crossChecks } from './cross-checks.ts';
import { ConfigurationError, type Position, type Problem } from './problems.ts';
import { protocolIssues } from './protocol-checks.ts';
import { type Configuration, resolveConfiguration } from './resolve.ts';
import { configurationSchema } from './schema.ts';

/**
 * Reads the text of a configuration file. `file` is its path, for messages and relative paths.
 * Throws ConfigurationError with all problems together.
 */
export function parseConfiguration(text: string, file: string): Configuration {
  const content = contentOf(text, file);
  const parsed = configurationSchema.safeParse(content);
  const issues = [...(parsed.error?.issues ?? []), ...protocolIssues(content)];
  const problems = [...issues.flatMap(problemsIn), ...(parsed.success ? crossChecks(parsed.data) : [])];
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(basename(file), located(problems, text));
  return deepFreeze(resolveConfiguration(parsed.data, dirname(file)));
}

const EMPTY: Problem = {
  path: [],
  message: 'is empty; it must name authorizationServers and tokens',
  line: 1,
  column: 1,
};

interface Parsed {
  readonly document: Document;
  readonly lines: LineCounter;
}

function parse(text: string): Parsed {
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' }), lines };
}

/** Parses the text again: the document of thousands of tokens is too large to keep for the rare problems. */
function located(problems: readonly Problem[], text: string): Problem[] {
  const { document, lines } = parse(text);
  return problems.map((problem) => Object.assign({}, problem, positionOf(document, lines, problem)));
}

/** Reads the YAML. Throws ConfigurationError with all its problems; checks of what is left would only guess. */
function contentOf(text: string, file: string): unknown {
  const { document, lines } = parse(text);
  const problems = [...document.errors.map((error) => yamlProblem(error, lines)), ...danglingAliases(document, lines)];
  if (problems.length > 0) throw new ConfigurationError(basename(file), problems);
  if (document.contents === null) throw new ConfigurationError(basename(file), [EMPTY]);
  try {
    return document.toJS();
  } catch {
    throw new ConfigurationError(basename(file), [
      { path: [], message: 'has more YAML aliases than are allowed', line: 1, column: 1 },
    ]);
  }
}

function yamlProblem({ code, pos }: { code: string; pos: [number, number] }, lines: LineCounter): Problem {
  const { line, col } = lines.linePos(pos[0]);
  // The library's own message can quote the line.
  return {
    path: [],
    message: `is not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`,
    line,
    column: col,
  };
}

/** Finds each `*name` without a `&name` before it. The library reports those, and too many aliases, only by throwing. */
function danglingAliases(document: Document, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return;
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
      const message = 'is a YAML alias without an anchor; put a text that begins with "*" in quotes';
      problems.push({ path: [], message, line, column: col });
    },
  });
  return problems;
}

function problemsIn(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const valid = issue.message.split(KEY_SEPARATOR);
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: unknownKey(key, valid), atKey: true }));
  }
  if (issue.code === 'invalid_key')
    return [{ path: issue.path, message: issue.issues[0]?.message ?? 'is not a valid name', atKey: true }];
  if (issue.code === 'invalid_union' && issue.message === UNWORDED) return unionProblems(issue);
  return [{ path: issue.path, message: sentencePart(issue) }];
}

function unknownKey(key: string, valid: readonly string[]): string {
  const meant = nearestName(key, valid);
  return meant === undefined
    ? `is an unknown key; the valid keys are ${valid.join(', ')}`
    : `is an unknown key; did you mean "${meant}"?`;
}

/** The problems of the form that was meant: the one whose type the value has. */
function unionProblems({ errors, path }: z.core.$ZodIssueInvalidUnion): Problem[] {
  const ofWrongType = (issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssueInvalidType | undefined =>
    issues.find(
      (issue): issue is z.core.$ZodIssueInvalidType => issue.code === 'invalid_type' && issue.path.length === 0,
    );
  const meant = errors.find((issues) => ofWrongType(issues) === undefined);
  if (meant !== undefined) {
    return meant.flatMap(problemsIn).map((problem) => Object.assign({}, problem, { path: [...path, ...problem.path] }));
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

/** The message of zod for a union for which the schema has no sentence. */
const UNWORDED = 'Invalid input';

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a text',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  boolean: 'true or false',
  number: 'a whole number',
  int: 'a whole number',
};

/** Finds the longest part of the path that the file has: the position of its value, or of its key where that is wrong. */
function positionOf(document: Document, lines: LineCounter, { path, atKey }: Problem): Required<Position> {
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
