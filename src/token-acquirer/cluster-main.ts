import {
  type ApiServer,
  inClusterApiServer,
  kubeconfigApiServer,
  ownNamespace,
} from '../adapters/kubernetes/api/api-server.ts';
import { oldVersionWarning } from '../adapters/kubernetes/api/api-version.ts';
import { createClockComparison } from '../adapters/kubernetes/api/clock-comparison.ts';
import { createJwksAuthenticator } from '../adapters/kubernetes/callers/jwks-authenticator.ts';
import { createTokenReviewAuthenticator } from '../adapters/kubernetes/callers/token-review-authenticator.ts';
import { createEventLog } from '../adapters/kubernetes/events/event-log.ts';
import { createKubernetesLease } from '../adapters/kubernetes/leases/kubernetes-lease.ts';
import { createPodExecutionState } from '../adapters/kubernetes/pods/pod-execution-state.ts';
import { createPodLogs } from '../adapters/kubernetes/pods/pod-logs.ts';
import { createPodWatches } from '../adapters/kubernetes/pods/pod-watch.ts';
import { createVolumeNudge } from '../adapters/kubernetes/pods/volume-nudge.ts';
import { createKubernetesAccessTokens } from '../adapters/kubernetes/resources/kubernetes-access-tokens.ts';
import { createSecretAuthorityStore } from '../adapters/kubernetes/secrets/secret-authority-store.ts';
import { createSecretRefreshTokenStore } from '../adapters/kubernetes/secrets/secret-refresh-token-store.ts';
import { createSecretTokenStore } from '../adapters/kubernetes/secrets/secret-token-store.ts';
import { SecretWatch } from '../adapters/kubernetes/secrets/secret-watch.ts';
import { selfManagedCertificate } from '../adapters/tls/self-managed-certificate.ts';
import type { StoreError } from '../core/errors.ts';
import type { AccessTokens } from '../ports/access-tokens.ts';
import type { AppLogs } from '../ports/app-log.ts';
import type { Caller, CallerAuthenticator } from '../ports/caller-authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppPods, ExecutionState } from '../ports/execution-state.ts';
import type { Lease } from '../ports/lease.ts';
import type { Random } from '../ports/random.ts';
import type { RefreshTokenStore } from '../ports/refresh-token-store.ts';
import type { StoreWatch } from '../ports/store-watch.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { TokenStore } from '../ports/token-store.ts';
import type { VolumeNudge } from '../ports/volume-nudge.ts';
import { callerAudience, formerAudienceSentence } from './configuration/caller-audience.ts';
import type { ClusterSettings } from './configuration/resolve.ts';
import type { KeepCertificate } from './endpoints/reissue-server.ts';
import { withoutRepetition } from './endpoints/repeated-sentences.ts';

/** What a cluster gives the token-acquirer. Loaded only where there is one: the library behind it weighs on each start. */
export interface Cluster {
  /** The token-acquirer's own. */
  readonly namespace: string;
  readonly store: TokenStore;
  readonly storeWatch: StoreWatch;
  readonly execution: ExecutionState<AppPods>;
  readonly logs: AppLogs;
  readonly nudge: VolumeNudge;
  readonly accessTokens: AccessTokens;
  readonly events: Telemetry;
  readonly keepCertificate: KeepCertificate;
  createChains(settings: ClusterSettings): RefreshTokenStore;
  /** In the own namespace. */
  createLease(name: string): Lease;
  /** `clients` are the names that may call at all. */
  createCallers(settings: ClusterSettings, clients: ReadonlySet<string>): CallerAuthenticator;
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** Left out: the pod's own. */
  readonly kubeconfig: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** The name of the pod, where it is known. Events carry it. */
  readonly pod: string | undefined;
  readonly onFault: (message: string) => void;
}

/** Throws UsageError where there is no cluster to connect to. */
export function connectCluster({ kubeconfig, clock, random, pod, onFault }: ClusterOptions): Cluster {
  const compareClocks = createClockComparison({ clock, onFault });
  const api =
    kubeconfig === undefined
      ? inClusterApiServer({ compareClocks })
      : kubeconfigApiServer(kubeconfig, { compareClocks });
  const namespace = kubeconfig === undefined ? ownNamespace() : namespaceIn(api);
  const watches = createPodWatches(api, { clock, random });
  const tokens = createSecretTokenStore(api);
  const storeWatch = new SecretWatch(api, tokens, { clock, random, onFault });
  const logs = createPodLogs(api, watches, { clock, random });
  const closing = new AbortController();
  void oldVersionWarning(api, closing.signal).then((warning) => warning !== undefined && onFault(warning));
  return {
    namespace,
    store: tokens,
    storeWatch,
    execution: createPodExecutionState(watches, { clock }),
    logs,
    nudge: createVolumeNudge(api, watches, { clock, onFault }),
    accessTokens: createKubernetesAccessTokens(api, { clock, random, onFault }),
    events: createEventLog(api, { clock, onFault, ...(pod !== undefined && { pod }) }),
    keepCertificate: (settings, listeners) => {
      const store = createSecretAuthorityStore(api, { namespace, secret: settings.authoritySecret });
      const dnsNames = namesOf(settings.service, namespace);
      const onStored = (fault: StoreError | undefined): void =>
        listeners.onStored(fault, { namespace, secret: settings.authoritySecret });
      const kept = selfManagedCertificate({ store, dnsNames, clock, ...listeners, onStored });
      return () => kept.stop();
    },
    createChains: ({ stateSecret }) => createSecretRefreshTokenStore(api, { namespace, secret: stateSecret }),
    createLease: (name) => createKubernetesLease(api, { namespace, name }, { clock, random, onFault }),
    createCallers: (settings, clients) => {
      const { callers, maxCallerTokenLifetime: maxLifetime } = settings;
      const audience = callerAudience(settings, namespace);
      const onRefused = withoutRepetition(clock, (why) =>
        onFault(`A call of the reissue endpoint was rejected. ${why}`),
      );
      const reportFormer = withoutRepetition(clock, onFault);
      const onFormerAudience = ({ name }: Caller): void => reportFormer(formerAudienceSentence(name, audience));
      const options = { ...audience, clock, onRefused, onFormerAudience };
      if (callers === 'jwks') return createJwksAuthenticator(api, { ...options, maxLifetime });
      const isClient = (name: string): boolean => clients.has(name);
      return createTokenReviewAuthenticator(api, {
        ...options,
        isClient,
        onUnreachable: withoutRepetition(clock, onFault),
      });
    },
    close: () => {
      closing.abort();
      logs.close();
      watches.close();
      storeWatch.close();
      return api.close();
    },
  };
}

/** That of the current context. */
function namespaceIn({ kubeConfig }: ApiServer): string {
  return kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace ?? 'default';
}

/** All that a Service goes by. */
function namesOf(service: string, namespace: string): string[] {
  const within = `${service}.${namespace}`;
  return [service, within, `${within}.svc`, `${within}.svc.cluster.local`];
}
