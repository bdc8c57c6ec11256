import type { V1Container, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { Ms } from '../../src/core/token.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { JsonObject } from '../fakes/kubernetes-api.ts';

export interface PodBuilder {
  readonly name?: string;
  readonly uid?: string;
  readonly app?: string;
  readonly phase?: string;
  readonly node?: string;
  /** The labels instead of `app`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether the pod is terminating. */
  readonly deleting?: boolean;
  /** The Secrets that its container mounts, each as a volume. */
  readonly mounts?: readonly string[];
  readonly container?: Partial<V1Container>;
  readonly spec?: Partial<V1Pod['spec']>;
  /** How often its containers, named here, were started again. */
  readonly started?: Readonly<Record<string, number>>;
}

/** Builds a pod that runs on a node and mounts the Secrets. */
export function buildPod(builder: PodBuilder = {}): V1Pod {
  const { name = 'billing-app-1', uid = `uid-of-${name}`, app = 'billing', phase = 'Running', mounts = [] } = builder;
  const volumeMounts = mounts.map((secret) => ({ name: `of-${secret}`, mountPath: `/var/run/${secret}` }));
  return {
    metadata: {
      name,
      uid,
      labels: builder.labels ?? { app },
      ...(builder.annotations !== undefined && { annotations: builder.annotations }),
      ...(builder.deleting === true && { deletionTimestamp: new Date(0) }),
    },
    spec: {
      nodeName: builder.node ?? 'node-1',
      containers: [{ name: 'app', volumeMounts, ...builder.container }],
      volumes: mounts.map((secretName) => ({ name: `of-${secretName}`, secret: { secretName } })),
      ...builder.spec,
    },
    status: {
      phase,
      ...(builder.started !== undefined && { containerStatuses: statusesOf(builder.started) }),
    },
  };
}

function statusesOf(started: NonNullable<PodBuilder['started']>): V1ContainerStatus[] {
  return Object.entries(started).map(([name, restartCount]) => ({
    name,
    restartCount,
    ready: true,
    image: 'none.invalid/none',
    imageID: '',
    state: { running: {} },
  }));
}

/** Builds this pod as JSON for the fake API server. */
export function podObject(builder: PodBuilder = {}): JsonObject {
  return JSON.parse(JSON.stringify(buildPod(builder))) as JsonObject;
}

export function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

export interface FastClock extends Clock {
  /** All waits, in the milliseconds of the caller. */
  readonly waits: readonly Ms[];
}

/** Creates a clock that runs faster by this factor, for pauses between real requests. */
export function createFastClock(factor: number): FastClock {
  const system = createSystemClock();
  const waits: Ms[] = [];
  return {
    now: () => system.now(),
    monotonic: () => system.monotonic() * factor,
    wait(delay, signal) {
      waits.push(delay);
      return system.wait(delay / factor, signal);
    },
    waits,
  };
}
