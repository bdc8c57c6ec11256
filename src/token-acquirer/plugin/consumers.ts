/** How a pod uses Secrets. */
export interface PodUses {
  readonly name: string;
  readonly phase: string;
  /** Secrets in volumes whose files follow the Secret. */
  readonly mounted: readonly string[];
  /** Secrets whose changes a container never sees. */
  readonly frozen: readonly {
    readonly secret: string;
    readonly way: 'subPath' | 'environment';
    readonly container: string;
  }[];
}

/** A way in which a pod uses a Secret. */
export interface Consumer {
  readonly pod: string;
  readonly phase: string;
  readonly way: 'volume' | 'subPath' | 'environment';
  /** Left out for a volume, which all containers may mount. */
  readonly container?: string;
  /** Whether the pod sees new tokens. */
  readonly follows: boolean;
}

/** Returns each use of the Secret by a pod that has not ended: those that never see a new token first, then by name. */
export function consumersOf(pods: readonly PodUses[], secret: string): readonly Consumer[] {
  return pods
    .filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed')
    .flatMap((pod) => usesOf(pod, secret))
    .toSorted((one, other) => Number(one.follows) - Number(other.follows) || compare(one.pod, other.pod));
}

function usesOf({ name: pod, phase, mounted, frozen }: PodUses, secret: string): Consumer[] {
  const volume: Consumer[] = mounted.includes(secret) ? [{ pod, phase, way: 'volume', follows: true }] : [];
  const others = frozen
    .filter((use) => use.secret === secret)
    .map(({ way, container }): Consumer => ({ pod, phase, way, container, follows: false }));
  return [...volume, ...others];
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
