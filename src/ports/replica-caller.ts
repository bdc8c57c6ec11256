import type { Redacted } from '../core/redacted.ts';
import type { Ms } from '../core/token.ts';

/** Another replica: the one at the address of a Lease, or any that a Service leads to. */
export type ReplicaPlace =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'service'; readonly name: string };

/** A call of the reissue listener. */
export interface ReplicaCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The bearer in `Authorization`. */
  readonly bearer: Redacted;
  /** None of them is secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string | undefined;
  /** Bytes that the body of the answer may have. */
  readonly bodyLimit: number;
  /** For the answer, counted from when the replica showed that it is alive. */
  readonly timeout: Ms;
  /** Ends the call: the result is `silent` then. */
  readonly signal?: AbortSignal | undefined;
}

export type ReplicaAnswer =
  /** By lower-case name. The body is not to be printed. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Buffer;
    }
  /** The replica does not answer, or is not to be called. `why` is a clause without any secret. */
  | { readonly kind: 'silent'; readonly why: string };

/** How the other replicas are reached and trusted. */
export interface ReplicaTrust {
  /** Certificates in PEM; `undefined` for the public CAs. */
  readonly ca: string | undefined;
  /** The name that their certificates are for, in each shard: that of the Service that clients call. */
  readonly serverName: string;
  /** Whether they serve plain http on loopback, as this process does. */
  readonly plain: boolean;
}

/** Calls other replicas over connections that are kept. */
export interface ReplicaCaller {
  /** Certificates are always verified, and no redirect is followed. Never rejects. */
  call(place: ReplicaPlace, call: ReplicaCall): Promise<ReplicaAnswer>;
  close(): void;
}
