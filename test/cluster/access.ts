import { takePlace } from '../real/install/lock.ts';

const PLACES = 8;

export type Release = () => void;

/**
 * Waits for a place in the cluster, or for all of its places, because a suite that stops the API server disturbs every
 * other one. A process takes all places in one order, so that no two processes wait for each other. The places of a
 * process that ended are free.
 */
export async function enter(name: string, how: 'shared' | 'alone'): Promise<Release> {
  const places = Array.from({ length: PLACES }, (_, place) => `${name} ${place}`);
  if (how === 'shared') return takePlace(places);
  const releases: Release[] = [];
  for (const place of places) releases.push(await takePlace([place]));
  return () => {
    for (const release of releases) release();
  };
}
