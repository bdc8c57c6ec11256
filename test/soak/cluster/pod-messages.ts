import type { FailedCall } from '../parts/caller-messages.ts';

/** What the client in the cluster is to do. Its volumes are folders of `directory`, one for each Secret. */
export interface PodInstructions {
  readonly directory: string;
  readonly tokens: readonly { readonly secret: string; readonly name: string }[];
  readonly namespace: string;
  readonly url: string;
  readonly callerTokenFile: string;
  readonly gateway: string;
  /** Calls a second. */
  readonly rate: number;
}

/** A call that met a rejected token, and was cured by a reissue. Times are those of the machine's clock. */
export interface CuredCall {
  readonly app: string;
  readonly began: number;
  readonly took: number;
}

/** A line of its log, each second. */
export interface PodReport {
  readonly event: 'calls';
  /** Of the report, from 1 on. */
  readonly number: number;
  /** When it was printed. */
  readonly at: number;
  readonly calls: number;
  readonly cured: readonly CuredCall[];
  readonly failed: readonly FailedCall[];
  /** When the reissue endpoint answered, by probes over their own connections. */
  readonly answered: readonly number[];
  /** How many probes got no answer. */
  readonly unanswered: number;
}

export const INSTRUCTIONS = 'INSTRUCTIONS';
