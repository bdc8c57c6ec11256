import type { TestModule, TestSpecification, Vitest } from 'vitest/node';
import { createVitest, parseCLI, TestsNotFoundError } from 'vitest/node';
import { IN_CI, MOST_REPEATED_FILES } from './support/ci.ts';

/**
 * Runs vitest with the arguments of its command line. In CI a few files that failed run once more, when the machine has
 * nothing else to do; `closing-line.ts` names what passed only then.
 */
async function run(vitest: Vitest, filter: string[]): Promise<void> {
  const { testModules, unhandledErrors } = await vitest.start(filter);
  const failed = testModules.filter((module) => module.state() === 'failed');
  const few = failed.length > 0 && failed.length <= MOST_REPEATED_FILES;
  if (!IN_CI || !few || unhandledErrors.length > 0 || !failed.every(isRepeatable)) return;
  process.stdout.write(`\nRunning ${failed.map(({ relativeModuleId }) => relativeModuleId).join(' and ')} again.\n`);
  process.exitCode = 0;
  await vitest.runTestSpecifications(failed.map(specificationOf));
}

/** Nothing in the project `fast` depends on how busy the machine is. */
function isRepeatable({ project }: TestModule): boolean {
  return project.name !== 'fast';
}

function specificationOf({ project, moduleId }: TestModule): TestSpecification {
  return project.createSpecification(moduleId);
}

process.env['NODE_ENV'] ??= 'test';
const { filter, options } = parseCLI(['vitest', ...process.argv.slice(2)]);
const vitest = await createVitest(options);
try {
  await run(vitest, filter);
} catch (error) {
  process.exitCode = 1;
  // The reporters have said which files were looked for.
  if (!(error instanceof TestsNotFoundError)) vitest.logger.error(error);
} finally {
  await vitest.exit();
}
