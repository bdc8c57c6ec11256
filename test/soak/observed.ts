import type { Cause, Disturbed } from './causes.ts';
import type { SoakOptions } from './options.ts';
import type { ServerCounts } from './parts/server-messages.ts';

/** A process at a moment, in seconds since the beginning. */
export interface Sample {
  readonly at: number;
  /** Anonymous memory, in bytes. */
  readonly memory: number;
  readonly descriptors: number;
}

export interface ProcessSeries {
  readonly name: string;
  /** Whether it is ours, so that rules hold for it. */
  readonly judged: boolean;
  /** Whether it is ended and started again, so that its memory is that of several processes. */
  readonly restarts: boolean;
  readonly samples: readonly Sample[];
  /** Of its event loop, in milliseconds: of a client measured within it, of a token-acquirer the answer of /livez. */
  readonly delays: readonly number[];
}

/** Failed calls that have the same cause. */
export interface FailedCalls extends Cause {
  readonly by: 'library' | 'reader';
  readonly calls: number;
}

/** What a soak has seen. */
export interface Observed {
  readonly options: SoakOptions;
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly calls: { readonly library: number; readonly reader: number };
  readonly failed: readonly FailedCalls[];
  readonly slowestCall: number;
  /** Reads whose two keys were of different tokens, although nobody had damaged them. */
  readonly torn: number;
  readonly server: ServerCounts;
  readonly needsCredential: number;
  readonly processes: readonly ProcessSeries[];
  readonly rates: readonly { readonly at: number; readonly calls: number; readonly failed: number }[];
  /** Times are in seconds since the beginning. */
  readonly disturbed: readonly Disturbed[];
  /** How many disturbances were left out, and why. */
  readonly leftOut: readonly string[];
  /** States of the tokens at the end. */
  readonly states: Readonly<Record<string, number>>;
  /** What should not have happened to any process, and errors of the disturbances. */
  readonly accidents: readonly string[];
}
