import { runFolder } from '../support/run-folder.ts';
import { beginCluster } from './run.ts';

/** Prepares a cluster for a run that has tests of the project `cluster`; other runs start nothing. */
export default function setUp(): () => Promise<void> {
  // Before the set-up of the whole run, which vitest calls last.
  runFolder();
  return beginCluster();
}
