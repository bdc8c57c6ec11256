import { afterAll, beforeAll, beforeEach } from 'vitest';
import { NotAvailable } from './install/not-available.ts';
import { say } from './install/progress.ts';

/** An installation from nothing, on a slow line. */
const INSTALL_TIMEOUT = 20 * 60_000;
const STOP_TIMEOUT = 30_000;

/** Called in a suite: what `start` gave for its tests. Throws NotAvailable where that could not be had. */
export type Obtained<Value> = () => Value;

export interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Starts real parts before the tests of a suite, and stops them after the last. Where a part cannot be had, the tests
 * are skipped, and it is said why and what to do.
 */
export function realParts<Value extends Stoppable>(
  start: () => Promise<Value>,
  timeout: number = INSTALL_TIMEOUT,
): Obtained<Value> {
  let outcome: { value: Value } | { missing: NotAvailable } | undefined;
  beforeAll(async () => {
    try {
      outcome = { value: await start() };
    } catch (error) {
      if (!(error instanceof NotAvailable)) throw error;
      outcome = { missing: error };
      say(error.message);
    }
  }, timeout);
  beforeEach(({ skip }) => {
    if (outcome !== undefined && 'missing' in outcome) skip(outcome.missing.message);
  });
  afterAll(async () => {
    if (outcome !== undefined && 'value' in outcome) await outcome.value.stop();
  }, STOP_TIMEOUT);
  return () => {
    if (outcome === undefined) throw new Error('A real part was asked for before it was started.');
    if ('missing' in outcome) throw outcome.missing;
    return outcome.value;
  };
}

/** Stops in the reverse order of starting, all of them whatever becomes of one. */
export async function stopAll(parts: readonly Stoppable[]): Promise<void> {
  const outcomes = [];
  for (const part of parts.toReversed()) outcomes.push(...(await Promise.allSettled([part.stop()])));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
