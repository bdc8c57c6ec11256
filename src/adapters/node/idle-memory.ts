import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Ms } from '../../core/token.ts';

/** By then everything has run once. */
const SETTLED: Ms = 10_000;

/**
 * After a while, has V8 collect garbage whenever this process is idle, and give the memory back. By itself V8 waits for
 * the heap to grow, which that of an idle process does not: what reading a long configuration and the first tokens left
 * would stay for good, 400 MB instead of 120 at 10,000 tokens.
 *
 * Not an option of Node's command line: V8 takes code from a cache only if it was made under the same flags, and with
 * another one Node's own cache is void, which makes each start a third slower. For the same reason the compile cache,
 * if there is one (NODE_COMPILE_CACHE), is written before. The result ends the wait.
 */
export function collectWhenIdle(after: Ms = SETTLED): () => void {
  const timer = setTimeout(() => {
    flushCompileCache();
    setFlagsFromString('--optimize-for-size');
  }, after).unref();
  return () => clearTimeout(timer);
}

/**
 * Collects garbage now, and gives the memory back. Takes tens of milliseconds, so only a start with a long configuration
 * calls it. The compile cache is written before, as above.
 */
export function releaseMemory(): void {
  flushCompileCache();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  collect({ type: 'major', flavor: 'last-resort', execution: 'sync' });
  setFlagsFromString('--no-expose-gc');
}
