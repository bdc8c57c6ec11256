import { globSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endGroup, guardedSpawn } from '../real/guarded-spawn.ts';
import { guard } from './guard.ts';
import { type ClusterRun, RUN_VARIABLE } from './record.ts';

const TESTS = 'test/{cluster,images}/**/*.test.ts';

/**
 * For the global set-up, in the process that all tests descend from. Names the run's cluster; and where the run has tests
 * that need one, what it takes is made ready while other tests run. The returned function removes all of it, which
 * happens as well when this process is killed.
 */
export function beginCluster(args: readonly string[] = process.argv.slice(2)): () => Promise<void> {
  const run: ClusterRun = {
    folder: mkdtempSync(join(tmpdir(), 'token-acquirer-cluster-')),
    name: `token-acquirer-test-${process.pid}`,
  };
  process.env[RUN_VARIABLE] = JSON.stringify(run);
  const guarded = guard(run.name, run.folder);
  const preparing = needsCluster(args) ? prepare() : undefined;
  return async () => {
    preparing?.end();
    delete process.env[RUN_VARIABLE];
    await guarded.end();
  };
}

/** Whether a run of vitest with these arguments has files that need a cluster. */
export function needsCluster(args: readonly string[], files: readonly string[] = globSync(TESTS)): boolean {
  const filters = args.filter((arg) => arg !== 'run' && !arg.startsWith('-')).map((arg) => arg.replace(/^\.\//, ''));
  return filters.length === 0 || filters.some((filter) => files.some((file) => file.includes(filter)));
}

/** In a process of its own, which ends with this one. Failures are said by the tests, which try again. */
function prepare(): { end(): void } {
  const child = guardedSpawn({
    label: 'preparing the cluster',
    command: process.execPath,
    args: [join(import.meta.dirname, 'main.ts'), '--prepare'],
  });
  child.stdout.pipe(process.stdout, { end: false });
  return { end: () => endGroup(child) };
}
