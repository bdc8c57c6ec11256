import type { FailedCall } from '../parts/caller-messages.ts';
import type { IssuedToken, ServerCounts } from '../parts/server-messages.ts';
import type { Done } from './duck.ts';
import type { Gap } from './lease-watch.ts';
import type { CuredCall } from './pod-messages.ts';

export interface ClusterOptions {
  readonly minutes: number;
  readonly tricks: readonly string[];
  readonly every: number;
  readonly replicas: number;
  readonly tokens: number;
  readonly rate: number;
}

/** What a soak in the cluster has seen. Times are those of the machine's clock. */
export interface ClusterObserved {
  readonly options: ClusterOptions;
  readonly began: number;
  readonly ended: number;
  readonly interrupted: boolean;
  readonly calls: number;
  readonly failed: readonly FailedCall[];
  /** Calls that met a revoked token, and were cured by a reissue. */
  readonly cured: readonly CuredCall[];
  /** The longest time between two answers of the endpoint, and how many probes got none. */
  readonly longestSilence: number;
  readonly unanswered: number;
  readonly done: readonly Done[];
  readonly gaps: readonly Gap[];
  /** Of the Lease, in seconds; `undefined`: the release has none. */
  readonly leaseDuration: number | undefined;
  readonly leaseWrites: number;
  readonly server: ServerCounts;
  /** By the name of the token. */
  readonly tokens: Readonly<Record<string, readonly IssuedToken[]>>;
  readonly rates: readonly { readonly at: number; readonly calls: number; readonly failed: number }[];
  readonly accidents: readonly string[];
}

/** Of each reissue the call that waited longest. All calls of its token that began before its end wait for the same one. */
export function reissuesOf(cured: readonly CuredCall[]): readonly CuredCall[] {
  const ends = new Map<string, number>();
  return cured
    .toSorted((one, other) => one.began - other.began)
    .filter(({ app, began, took }) => {
      if (began < (ends.get(app) ?? 0)) return false;
      ends.set(app, began + took);
      return true;
    });
}

/** The reissues that began while nobody led. */
export function reissuesInGap(observed: ClusterObserved): readonly CuredCall[] {
  return reissuesOf(observed.cured).filter((call) => isInGap(call, observed));
}

/** Whether the call began while nobody led. */
export function isInGap({ began }: CuredCall, { gaps, ended }: ClusterObserved): boolean {
  return gaps.some(({ from, to = ended }) => from <= began && began <= to);
}

/** Tokens that replaced one which was neither revoked nor old enough to be renewed. `share`: of its life. */
export function needlessTokens(tokens: ClusterObserved['tokens'], share: number): number {
  const needless = (issued: readonly IssuedToken[]): number =>
    issued.slice(1).filter((token, index) => {
      const before = issued[index];
      if (before === undefined || (before.revokedAt !== undefined && before.revokedAt <= token.issuedAt)) return false;
      return token.issuedAt - before.issuedAt < share * (before.expiresAt - before.issuedAt);
    }).length;
  return Object.values(tokens).reduce((total, issued) => total + needless(issued), 0);
}
