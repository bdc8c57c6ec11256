import { readFileSync } from 'node:fs';
import type { AcquirerProcess } from '../e2e/acquirer-process.ts';
import { findLeaks } from '../support/leak-search.ts';
import { ownSecrets } from '../support/secrets.ts';
import type { SteadyCalls } from './steady-calls.ts';
import type { TokenEndpointFront } from './token-endpoint-front.ts';
import type { VolumeLog } from './volume-log.ts';

/** What a row observes. */
export interface Observed {
  readonly calls: SteadyCalls;
  readonly volume: VolumeLog;
  readonly front: TokenEndpointFront;
  readonly acquirers: readonly AcquirerProcess[];
  /** The number of its tokens. */
  readonly tokens: number;
}

/** What a row may do, where its fault makes more than usual legitimate. */
export interface Allowed {
  /** Token requests in flight at a time for one token. */
  readonly inFlight?: number;
  /** Token requests within ten seconds. */
  readonly requests?: number;
}

/** One request a second at most, and one a second more for calls of clients. */
const REQUESTS_IN_TEN_SECONDS = 22;
/** Of the program as its source, in kB. The image with its bundle needs half. */
const MOST_MEMORY = 400_000;

/** Returns a sentence for each invariant that does not hold. Call it when the calls have ended. */
export async function violationsIn(world: Observed, allowed: Allowed): Promise<string[]> {
  const { failedWithToken } = world.calls.figures;
  const { mostInFlight, requests } = world.front;
  const { tokens } = world;
  const most = mostWithinTenSeconds(requests.map(({ at }) => at));
  return [
    ...says(failedWithToken > 0, `I1: ${failedWithToken} calls failed while a valid token existed`, world),
    ...(await world.volume.stop()).map((sentence) => `I2: ${sentence}`),
    ...says(mostInFlight > (allowed.inFlight ?? tokens), `I3: ${mostInFlight} token requests in flight at a time`),
    ...leaksOf(world.acquirers).map((label) => `I4: the log shows the secret "${label}"`),
    ...says(most > (allowed.requests ?? REQUESTS_IN_TEN_SECONDS * tokens), `I5: ${most} token requests in 10 s`),
    ...world.acquirers.flatMap((acquirer) => says(memoryOf(acquirer) > MOST_MEMORY, 'I5: the memory grew too large')),
  ];
}

function says(violated: boolean, sentence: string, world?: Observed): string[] {
  const kinds = world === undefined ? '' : ` (${JSON.stringify(world.calls.failures)})`;
  return violated ? [`${sentence}${kinds}.`] : [];
}

function mostWithinTenSeconds(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + 10_000).length));
}

function leaksOf(acquirers: readonly AcquirerProcess[]): string[] {
  const outputs = acquirers.map((acquirer) => ({ label: 'log', content: Buffer.from(JSON.stringify(acquirer.lines)) }));
  return findLeaks(ownSecrets(), outputs).map(({ secret }) => secret);
}

/** The most so far; 0 of a process that has ended. */
function memoryOf({ child }: AcquirerProcess): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}
