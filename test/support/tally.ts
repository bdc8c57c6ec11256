import type { SerializedError } from 'vitest';
import type { TestCase, TestModule } from 'vitest/node';
import type { Leak } from './leak-search.ts';

/** What a test run came to, with a sentence for each failure that the default reporter does not show. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly remarks: readonly string[];
}

export interface RunResult {
  readonly modules: readonly TestModule[];
  readonly unhandledErrors: readonly SerializedError[];
  readonly leaks: readonly Leak[];
  /** Where nobody looks at what was skipped, a skipped test is a failed one. */
  readonly skipsFail: boolean;
}

/** The line that a run ends with; a reader of the log counts by it. */
export function closingLine({ passed, failed, skipped }: Omit<Tally, 'remarks'>): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * Counts tests. Besides a failed test these count as one failed each: an error in a hook or in loading a file, an
 * unhandled error, a test that never ran to its end, a leaked secret, and a run in which no test was executed.
 */
export function tally({ modules, unhandledErrors, leaks, skipsFail }: RunResult): Tally {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const passed = tests.filter((test) => stateOf(test) === 'passed').length;
  const skipped = tests.filter((test) => stateOf(test) === 'skipped');
  const remarks = [
    ...(skipsFail ? skipped.map((test) => `Skipped, which counts as failed in CI: ${nameOf(test)}.`) : []),
    ...tests.filter((test) => stateOf(test) === 'pending').map((test) => `Never ran to its end: ${nameOf(test)}.`),
    ...leaks.map(({ secret, outputs }) => `A secret leaked: "${secret}" is in ${listOf(outputs)}.`),
  ];
  const broken = modules.filter((module) => module.errors().length > 0).length + failedSuites(modules);
  const failed = tests.filter((test) => stateOf(test) === 'failed').length + broken + unhandledErrors.length;
  if (passed + failed === 0) remarks.push('No test was executed.');
  return { passed, failed: failed + remarks.length, skipped: skipsFail ? 0 : skipped.length, remarks };
}

/** Everything that a failed run says of its errors, with what the default reporter cuts off. */
export function errorTexts({ modules, unhandledErrors }: Pick<RunResult, 'modules' | 'unhandledErrors'>): string[] {
  const ofTests = modules.flatMap((module) => [
    ...module.errors(),
    ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
    ...[...module.children.allTests()].flatMap((test) => test.result().errors ?? []),
  ]);
  return [...ofTests, ...unhandledErrors].map((error) => JSON.stringify(error));
}

function failedSuites(modules: readonly TestModule[]): number {
  return modules.flatMap((module) => [...module.children.allSuites()]).filter((suite) => suite.errors().length > 0)
    .length;
}

function stateOf(test: TestCase): string {
  return test.result().state;
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

function listOf(labels: readonly string[]): string {
  return labels.map((label) => `"${label}"`).join(', ');
}
