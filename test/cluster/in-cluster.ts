import { describe } from 'vitest';
import { realParts } from '../real/real-parts.ts';
import { enter } from './access.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { isClusterGiven } from './start.ts';

/** Milliseconds, of a hook that asks for the cluster: it may have to be made from nothing. */
export const CLUSTER_TIMEOUT = 45 * 60_000;

/** Of a test in the cluster, by default: pods take their time. */
const TEST_TIMEOUT = 120_000;

export interface InCluster {
  /**
   * Whether the suite uses the second cluster of the run, one such suite at a time. It may stop the API server, change the
   * node, and use any name.
   */
  readonly alone?: boolean;
  /** Milliseconds, of each test. */
  readonly timeout?: number;
}

/**
 * A suite of tests on the run's cluster, which the given function has once they run. Where no cluster can be had they are
 * skipped, and it is said why and what to do; in CI that counts as failed.
 */
export function describeInCluster(
  name: string,
  tests: (cluster: () => TestCluster) => void,
  { alone = false, timeout = TEST_TIMEOUT }: InCluster = {},
): void {
  describe(`${name}, in a cluster`, { timeout }, () => {
    const part = realParts(async () => {
      const cluster = await testCluster(alone ? 'alone' : 'shared');
      const release = await enter(cluster.kubeconfig, alone ? 'alone' : 'shared');
      const second = alone && !isClusterGiven() ? cluster.node : undefined;
      await second?.resume();
      const stop = async (): Promise<void> => {
        await second?.suspend();
        release();
      };
      return { cluster, stop };
    }, CLUSTER_TIMEOUT);
    tests(() => part().cluster);
  });
}
