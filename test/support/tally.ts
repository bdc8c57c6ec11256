import type { SerializedError } from 'vitest';
import type { TestCase, TestModule, TestSuite } from 'vitest/node';
import { MOST_REPEATED } from './ci.ts';
import type { Leak } from './leak-search.ts';

/** The result of a test run, with a sentence for each failure that the default reporter does not show. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly remarks: readonly string[];
}

export interface RunResult {
  readonly modules: readonly TestModule[];
  /** What failed the first time in files that ran twice. */
  readonly repeated: readonly Failure[];
  readonly unhandledErrors: readonly SerializedError[];
  readonly leaks: readonly Leak[];
  /** Whether a skipped test counts as a failure, as in CI, where nobody sees it. */
  readonly skipsFail: boolean;
}

/** Returns the last line of a run, with its counts for a reader of the log. */
export function closingLine({ passed, failed, skipped }: Omit<Tally, 'remarks'>): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * Counts tests. These also count as one failure each: an error in a hook or in loading a file, an
 * unhandled error, a test that never ran to its end, a leaked secret, a run in which no test was executed, and one that repeated
 * more tests than it may.
 */
export function tally({ modules, repeated: inFiles, unhandledErrors, leaks, skipsFail }: RunResult): Tally {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const passed = tests.filter((test) => stateOf(test) === 'passed').length;
  const skipped = tests.filter((test) => stateOf(test) === 'skipped');
  const remarks = [
    ...(skipsFail ? skipped.map((test) => `Skipped, which counts as failed in CI: ${nameOf(test)}.`) : []),
    ...tests.filter((test) => stateOf(test) === 'pending').map((test) => `Never ran to its end: ${nameOf(test)}.`),
    ...leaks.map(({ secret, outputs }) => `A secret leaked: "${secret}" is in ${listOf(outputs)}.`),
  ];
  const repeated = repeatedLines(modules, inFiles).length;
  if (repeated > MOST_REPEATED)
    remarks.push(`${repeated} tests passed only when they were repeated: at most ${MOST_REPEATED} may.`);
  const broken = modules.filter((module) => module.errors().length > 0).length + failedSuites(modules);
  const failed = tests.filter((test) => stateOf(test) === 'failed').length + broken + unhandledErrors.length;
  if (passed + failed === 0) remarks.push('No test was executed.');
  return { passed, failed: failed + remarks.length, skipped: skipsFail ? 0 : skipped.length, remarks };
}

/** Returns all errors of a failed run, including the parts that the default reporter cuts off. */
export function errorTexts({ modules, unhandledErrors }: Pick<RunResult, 'modules' | 'unhandledErrors'>): string[] {
  return [...failuresIn(modules).map(({ error }) => error), ...unhandledErrors].map((error) => JSON.stringify(error));
}

const LONGEST_LINE = 400;

/** Returns a line for each failed test, hook and file: its name and how its message begins. */
export function failureLines(modules: readonly TestModule[]): string[] {
  return failuresIn(modules)
    .filter(({ isRepeated }) => !isRepeated)
    .map((failure) => `Failed: ${textOf(failure)}`);
}

/**
 * Returns a line for each test that failed, and passed when it was repeated: with what its file had begun with, or with
 * the whole file.
 */
export function repeatedLines(modules: readonly TestModule[], inFiles: readonly Failure[]): string[] {
  const failures = failuresIn(modules);
  const failed = new Set(failures.filter(({ isRepeated }) => !isRepeated).map(({ name }) => name));
  const passed = [
    ...inFiles.filter(({ name }) => !failed.has(name)),
    ...failures.filter(({ isRepeated }) => isRepeated),
  ];
  // A test that is repeated in its file first, and then with it, counts once.
  return [...new Map(passed.map((failure) => [failure.name, failure])).values()].map(
    (failure) => `Passed when repeated: ${textOf(failure)}`,
  );
}

function textOf({ name, error }: Failure): string {
  return `${name}: ${error.message.replaceAll(/\s+/g, ' ').slice(0, LONGEST_LINE)}`;
}

/** An error of a test, a hook or a file. */
export interface Failure {
  /** Of the test, the suite or the file. */
  readonly name: string;
  readonly error: SerializedError;
  /** Whether the test passed afterwards. */
  readonly isRepeated: boolean;
}

export function failuresIn(modules: readonly TestModule[]): Failure[] {
  const named = (name: string, errors: readonly SerializedError[], isRepeated = false): Failure[] =>
    errors.map((error) => ({ name, error, isRepeated }));
  return modules.flatMap((module) => [
    ...named(module.relativeModuleId, module.errors()),
    ...[...module.children.allSuites()].flatMap((suite) => named(nameOf(suite), suite.errors())),
    ...[...module.children.allTests()].flatMap((test) => {
      const { state, errors = [] } = test.result();
      return state === 'passed' ? named(nameOf(test), errors.slice(0, 1), true) : named(nameOf(test), errors);
    }),
  ]);
}

function failedSuites(modules: readonly TestModule[]): number {
  return modules.flatMap((module) => [...module.children.allSuites()]).filter((suite) => suite.errors().length > 0)
    .length;
}

function stateOf(test: TestCase): string {
  return test.result().state;
}

function nameOf(part: TestCase | TestSuite): string {
  return `${part.module.relativeModuleId} > ${part.fullName}`;
}

function listOf(labels: readonly string[]): string {
  return labels.map((label) => `"${label}"`).join(', ');
}
