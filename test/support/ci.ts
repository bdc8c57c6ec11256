/** Whether nobody watches the run, as `CI` says by convention. */
export const IN_CI = process.env['CI'] !== undefined && process.env['CI'] !== 'false';

/**
 * How many tests of a run may fail once and pass when they are repeated, in CI. They share two cores with four files and two
 * control planes. An error that does not come by chance fails the test again.
 */
export const MOST_REPEATED = 3;

/**
 * How many test files may run a second time in CI, after all others: what a file begins with is shared by its tests, so
 * that a test repeated with it fails again.
 */
export const MOST_REPEATED_FILES = 2;
