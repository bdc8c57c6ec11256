import { basename, dirname } from 'node:path';
import type { z } from 'zod';
import { nearestName } from '../../core/nearest-name.ts';
import { KEY_SEPARATOR } from '../forms/value-forms.ts';
import { crossChecks } from './cross-checks.ts';
import { ConfigurationError, type Problem } from './problems.ts';
import { protocolIssues } from './protocol-checks.ts';
import { type Configuration, resolveConfiguration } from './resolve.ts';
import { configurationSchema } from './schema.ts';
import { positionsIn, readYaml, yamlProblems } from './yaml-document.ts';

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

/** Parses the text again: the document of thousands of tokens is too large to keep for the rare problems. */
function located(problems: readonly Problem[], text: string): Problem[] {
  const positionOf = positionsIn(readYaml(text));
  return problems.map((problem) => Object.assign({}, problem, positionOf(problem)));
}

/** Reads the YAML. Throws ConfigurationError with all its problems; checks of what is left would only guess. */
function contentOf(text: string, file: string): unknown {
  const yaml = readYaml(text);
  const { document } = yaml;
  const problems = yamlProblems(yaml);
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

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
