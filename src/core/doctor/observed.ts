import type { EpochMs, Ms } from '../token.ts';
import type { ExpectedToken, NamespacedName, ServiceNeed } from './expected-token.ts';
import type { Labels, NetworkPolicyFacts } from './network-policies.ts';
import type { ObservedAccessTokens } from './observed-access-tokens.ts';
import type { ObservedInPods, ObservedTrial } from './observed-in-pods.ts';
import type { ReviewedPermission } from './permissions.ts';

/** What was looked for: as it was found, missing, or not to be read by this user. */
export type Seen<Found> = Found | 'missing' | 'unreadable';

export type ServerFailure = 'name' | 'connection' | 'certificate' | 'address' | 'answer';

/** What came of a call to an authorization server, without a credential. */
export type Reach =
  | { readonly kind: 'answered'; readonly skew: Ms; readonly redirect?: string | undefined }
  | { readonly kind: 'failed'; readonly failure: ServerFailure; readonly message: string }
  /** Its CA cannot be read here. */
  | { readonly kind: 'unknown' }
  /** It is a Service of the cluster, which this machine cannot call. */
  | { readonly kind: 'inside'; readonly service: NamespacedName; readonly found: Seen<'found'> };

export interface ObservedServer {
  readonly name: string;
  /** Where its connections go: the server, or its proxy. */
  readonly host: string;
  readonly port: number;
  readonly reach: Reach;
  /** Where its CAs are in the cluster, and whether they exist. */
  readonly authority?: { readonly place: string; readonly found: Seen<'found'> } | undefined;
}

/** A Deployment that runs a token-acquirer. */
export interface ObservedAcquirer {
  readonly name: string;
  readonly image: string;
  readonly account: string;
  /** Of its pods. */
  readonly labels: Labels;
  readonly wanted: number;
  readonly ready: number;
  /** How many pods have its latest form, and how many there are in all. */
  readonly updated: number;
  readonly total: number;
  readonly lease: Seen<ObservedLease>;
}

export interface ObservedLease {
  readonly holder: string | undefined;
  readonly renewedAt: EpochMs | undefined;
  readonly duration: Ms;
}

/** The Secret of a credential, by names only. */
export interface ObservedCredential {
  /** Whether the token-acquirer mounts it; true where there is no token-acquirer yet. */
  readonly isMounted: boolean;
  readonly secret: string;
  /** The names that the keys have in the credential. */
  readonly keys: Seen<readonly string[]>;
  /** The name that a key of the credential has in the Secret. */
  readonly keyIn: Readonly<Record<string, string>>;
}

/** A token Secret without its tokens. */
export interface ObservedSecret {
  /** Its keys, each with who wrote it last, where that is known. */
  readonly writers: Readonly<Record<string, string | undefined>>;
  /** By the key of the token, what its `<key>.json` says. */
  readonly documents: Readonly<Record<string, ObservedDocument>>;
  readonly isImmutable: boolean;
}

export type ObservedDocument =
  | {
      readonly issuedAt: EpochMs;
      readonly expiresAt: EpochMs;
      readonly generation?: number;
      /** When the token-acquirer last wrote its keys of the Secret; `undefined` where that is unknown. */
      readonly storedAt?: EpochMs | undefined;
      /** Of the whole document. */
      readonly sha256?: string;
    }
  | { readonly fault: string };

/** An event of the token-acquirer about a token Secret. */
export interface ObservedEvent {
  readonly reason: string;
  readonly message: string;
  readonly at: EpochMs;
}

export interface SecretUse {
  readonly secret: string;
  readonly container: string;
  readonly way: 'volume' | 'subPath' | 'environment';
  /** The keys that its volume names; `undefined` where it takes all that exist. */
  readonly items?: readonly string[] | undefined;
}

export interface ObservedPod extends NamespacedName {
  readonly labels: Labels;
  readonly account: string;
  /** Pending or Running. */
  readonly isRunning: boolean;
  readonly isTest: boolean;
  /** Why one of its containers does not run: `ImagePullBackOff`. */
  readonly waits?: string | undefined;
  readonly uses: readonly SecretUse[];
}

/** What the API server showed. By namespace: a key `billing`; by name: a key `billing/billing-tokens`. */
export interface ObservedCluster {
  readonly acquirers: Seen<readonly ObservedAcquirer[]>;
  readonly namespaces: Readonly<Record<string, Seen<{ readonly labels: Labels; readonly isEnding: boolean }>>>;
  readonly credentials: Readonly<Record<string, ObservedCredential>>;
  readonly secrets: Readonly<Record<string, Seen<ObservedSecret>>>;
  readonly events: Readonly<Record<string, readonly ObservedEvent[]>>;
  readonly accounts: Readonly<Record<string, Seen<'found'>>>;
  /** `undefined` where they cannot be read. */
  readonly pods: Readonly<Record<string, readonly ObservedPod[] | undefined>>;
  /** The names of the running pods that a selector matches, by `billing app=billing`. */
  readonly selected: Readonly<Record<string, readonly string[]>>;
  readonly policies: Readonly<Record<string, readonly NetworkPolicyFacts[]>>;
  /** The Service of the reissue endpoint. */
  readonly endpoint: Seen<{ readonly selector: Labels }>;
  /** Those of the ServiceAccount of the token-acquirer; none where they cannot be asked for. */
  readonly acquirerPermissions: readonly ReviewedPermission[];
  readonly ownPermissions: readonly ReviewedPermission[];
  /** What this user may not read: `list pods in the namespace billing`. */
  readonly unread: readonly string[];
  /** A sentence about a version of Kubernetes that is too old. */
  readonly versionFault?: string | undefined;
}

/** All that the checks know. */
export interface Observed {
  readonly now: EpochMs;
  /** Of the token-acquirer. */
  readonly namespace: string;
  readonly configuration: { readonly place: string; readonly fault?: string | undefined };
  readonly tokens: readonly ExpectedToken[];
  /** What the services of the configuration need, even if no AccessToken uses them yet. */
  readonly needs: readonly ServiceNeed[];
  readonly accessTokens: ObservedAccessTokens;
  readonly servers: readonly ObservedServer[];
  /** The Service of the reissue endpoint. */
  readonly service: string;
  /** Sentences about a credentials folder of this machine, where one was named. */
  readonly credentialFaults: readonly string[];
  readonly cluster: ObservedCluster;
  /** Left out where nobody asked for commands in pods. */
  readonly inPods?: ObservedInPods | undefined;
  /** Left out where nobody asked for token requests. */
  readonly trials?: readonly ObservedTrial[] | undefined;
}
