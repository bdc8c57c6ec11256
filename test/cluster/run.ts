import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endGroup, guardedSpawn } from '../real/guarded-spawn.ts';
import { guard } from './guard.ts';
import { type ClusterPlace, type ClusterRun, RUN_VARIABLE } from './record.ts';

/**
 * For the global set-up, in the process that all tests descend from. Names the clusters of the run, and prepares what their
 * start needs while other tests run, unless `prepared`. The returned function removes the clusters; so does the end of
 * this process, however it ends.
 */
export function beginCluster({ prepared = false } = {}): () => Promise<void> {
  const run: ClusterRun = { shared: placeOf('test'), alone: placeOf('test-alone') };
  process.env[RUN_VARIABLE] = JSON.stringify(run);
  const guards = Object.values(run).map((place: ClusterPlace) => guard(place.name, place.folder));
  const preparing = prepared ? undefined : prepare();
  return async () => {
    preparing?.end();
    delete process.env[RUN_VARIABLE];
    await Promise.all(guards.map((one) => one.end()));
  };
}

function placeOf(kind: string): ClusterPlace {
  return {
    folder: mkdtempSync(join(tmpdir(), 'token-acquirer-cluster-')),
    name: `token-acquirer-${kind}-${process.pid}`,
  };
}

/** Runs in a child process, which ends with this one. The tests repeat what fails here, and report it. */
function prepare(): { end(): void } {
  const child = guardedSpawn({
    label: 'preparing the cluster',
    command: process.execPath,
    args: [join(import.meta.dirname, 'main.ts'), '--prepare'],
  });
  child.stdout.pipe(process.stdout, { end: false });
  return { end: () => endGroup(child) };
}
