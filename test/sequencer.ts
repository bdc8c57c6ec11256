import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The longest file first, which is alone in the cluster; and the others that use it last, so that they neither hold it up
 * nor wait for it.
 */
export class ClusterSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rankOf(one.moduleId) - rankOf(other.moduleId));
  }
}

function rankOf(path: string): number {
  if (path.endsWith('/test/cluster/example.test.ts')) return 0;
  return /\/test\/(?:cluster|charts)\//.test(path) ? 2 : 1;
}
