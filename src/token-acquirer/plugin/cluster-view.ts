import type { AccessToken } from '../../core/access-token.ts';
import type { StatusReport } from '../endpoints/status-report.ts';
import type { PodUses } from './consumers.ts';

/** Where token-acquirers are looked for. */
export interface Scope {
  /** Left out: every namespace that the user may list. */
  readonly namespace?: string | undefined;
  /** Whether it is an error if the user may not list the pods of all namespaces. */
  readonly everywhere: boolean;
  readonly selector: string;
}

/** A pod of a token-acquirer. */
export interface AcquirerPod {
  readonly namespace: string;
  readonly name: string;
  /** `app.kubernetes.io/instance`, or the name of the program where the pod has no such label. */
  readonly release: string;
  readonly shard: number;
  readonly phase: string;
  readonly ready: boolean;
  /** Of the status, on the pod's loopback. */
  readonly statusPort: number;
}

/** The pods that were found. */
export interface FoundPods {
  readonly pods: readonly AcquirerPod[];
  /** Why only some namespaces were searched. */
  readonly limit?: string | undefined;
}

/** An event about a Secret. */
export interface SecretEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly at: string;
  readonly count: number;
}

/** What the commands read from a cluster, as the user of the kubeconfig. Everything throws StoreError. */
export interface ClusterView {
  acquirers(scope: Scope): Promise<FoundPods>;
  /** The answer of this pod. */
  status(pod: AcquirerPod): Promise<StatusReport>;
  /** The newest first. */
  events(namespace: string, secret: string): Promise<readonly SecretEvent[]>;
  pods(namespace: string): Promise<readonly PodUses[]>;
  /** `undefined` where there is none of this name. */
  accessToken(namespace: string, name: string): Promise<AccessToken | undefined>;
  /** Of all namespaces. */
  accessTokens(): Promise<readonly AccessToken[]>;
}
