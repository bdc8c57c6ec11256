import { CoordinationV1Api, type KubeConfig, type V1Lease } from '@kubernetes/client-node';

/** Nobody led from `from` until `to`, because of `why`. Times are those of the machine's clock. */
export interface Gap {
  readonly why: string;
  readonly from: number;
  to?: number;
}

const EVERY = 250;

/** Follows who holds the Lease of a release. */
export class LeaseWatch {
  readonly #api: CoordinationV1Api;
  readonly #where: { readonly namespace: string; readonly name: string };
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #ended: { readonly identity: string; readonly removed: boolean; readonly gap: Gap } | undefined;
  /** `undefined`: nobody. */
  holder: string | undefined;
  /** Whether the release has a Lease. */
  exists = false;
  /** In seconds. */
  duration: number | undefined;
  readonly gaps: Gap[] = [];

  constructor(config: KubeConfig, where: { readonly namespace: string; readonly name: string }) {
    this.#api = config.makeApiClient(CoordinationV1Api);
    this.#where = where;
  }

  async begin(): Promise<void> {
    await this.#look();
    const next = async (): Promise<void> => {
      await this.#look();
      // Ended while it looked; otherwise the process would never end.
      if (this.#stopped) return;
      this.#timer = setTimeout(() => void next(), EVERY);
    };
    this.#timer = setTimeout(() => void next(), EVERY);
  }

  end(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** The pod that leads. */
  get leader(): string | undefined {
    return this.holder === undefined ? undefined : podOf(this.holder);
  }

  /**
   * The holder does nothing any more, since now. Another identity ends the gap; where the pod is removed, another pod does.
   */
  lost(why: string, removed = false): void {
    if (this.holder === undefined || this.#ended !== undefined) return;
    const gap: Gap = { why, from: Date.now() };
    this.gaps.push(gap);
    this.#ended = { identity: this.holder, removed, gap };
  }

  async #look(): Promise<void> {
    let lease: V1Lease;
    try {
      lease = await this.#api.readNamespacedLease(this.#where);
    } catch {
      return;
    }
    this.exists = true;
    this.duration = lease.spec?.leaseDurationSeconds ?? this.duration;
    const identity = lease.spec?.holderIdentity;
    const holder = identity === '' ? undefined : identity;
    if (holder === undefined && this.holder !== undefined) this.lost('given back');
    if (this.#ended !== undefined && holder !== undefined && isAnother(holder, this.#ended)) {
      this.#ended.gap.to = Date.now();
      this.#ended = undefined;
    }
    this.holder = holder;
  }
}

function isAnother(
  holder: string,
  { identity, removed }: { readonly identity: string; readonly removed: boolean },
): boolean {
  return removed ? podOf(holder) !== podOf(identity) : holder !== identity;
}

/** The name of the pod in `pod_random`. */
function podOf(identity: string): string {
  return identity.slice(0, identity.lastIndexOf('_'));
}
