import type { FollowedBy } from '../../core/evidence.ts';
import { type Nudging, volumeFollowsInTime } from '../../core/volume-lag.ts';
import type { HeldToken } from './held-token.ts';
import type { TokenSpecification } from './specification.ts';
import type { VolumeContents } from './stored-copy.ts';
import type { TokenStatus } from './token-status.ts';

export interface MountedVolumesDependencies {
  readonly volume: VolumeContents;
  readonly status: TokenStatus;
}

/** The volumes that the Secret of one token is mounted in: has them follow, and reports whether they do in time. */
export class MountedVolumes {
  readonly #dependencies: MountedVolumesDependencies;
  /** Why the last nudge failed. */
  #refusal: string | undefined;

  constructor(dependencies: MountedVolumesDependencies) {
    this.#dependencies = dependencies;
  }

  /** The Secret was written. Never rejects. */
  async follow(held: HeldToken): Promise<void> {
    const { identity, clientApp } = held.specification;
    const { nudge } = this.#dependencies.volume;
    if (nudge === undefined) return;
    const app = clientApp !== undefined && 'selector' in clientApp ? clientApp : undefined;
    this.#refusal = await nudge.nudge(identity, app);
    // A renewal may be due before the cycle looks again.
    this.report(held);
  }

  /** Returns how a written token reaches its readers. */
  followedBy({ delivery }: Pick<TokenSpecification, 'delivery'>): FollowedBy {
    if (!this.#dependencies.volume.mounted || delivery === 'endpoint') return 'reader';
    return this.#nudging() === 'on' ? 'nudged-kubelet' : 'kubelet';
  }

  /** Sets the condition. There is none before the first token, whose lifetime nobody knows. */
  report({ specification, token, renewal }: HeldToken): void {
    const { status, volume } = this.#dependencies;
    const { delivery, readers } = specification;
    if (!volume.mounted || delivery === 'endpoint') return status.unset('VolumeFollowsInTime');
    if (token === undefined) return;
    const lifetime = token.expiresAt - token.issuedAt;
    const finding = volumeFollowsInTime({ lifetime, renewal, readers, nudging: this.#nudging() });
    const changed = status.set('VolumeFollowsInTime', finding.status, finding.reason, finding.message);
    if (changed && !finding.status) status.emit({ kind: 'volume-follows-late', message: finding.message });
  }

  /** A nudge that was not tried yet counts as working: each start would report an error otherwise. */
  #nudging(): Nudging {
    if (this.#dependencies.volume.nudge === undefined) return 'off';
    return this.#refusal === undefined ? 'on' : { refusal: this.#refusal };
  }
}
