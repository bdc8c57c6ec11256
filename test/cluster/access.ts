import { withLock } from '../real/install/lock.ts';

const PLACES = 8;

export type Release = () => void;

/**
 * Waits for a place beside other processes, or for all places: who stops an API server disturbs whoever uses it. Places
 * are taken in one order, so that no two wait for each other; those of a process that ended are free.
 */
export async function enter(name: string, how: 'shared' | 'alone'): Promise<Release> {
  const places = how === 'alone' ? Array.from({ length: PLACES }, (_, place) => place) : [process.pid % PLACES];
  const releases: Release[] = [];
  for (const place of places) releases.push(await hold(`${name} ${place}`));
  return () => {
    for (const release of releases) release();
  };
}

function hold(lock: string): Promise<Release> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    withLock(lock, async () => {
      resolve(release);
      await released;
    }).catch(reject);
  });
}
