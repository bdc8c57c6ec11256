import type { SecretReference } from '../core/token.ts';
import type { SelectedPods } from './execution-state.ts';

export interface VolumeNudge {
  /**
   * The Secret was written: has the kubelets refresh its mounted volumes now, instead of at their next round. `app`:
   * where the pods are looked for, else in the Secret's whole namespace. Resolves to why the volumes are not refreshed,
   * `undefined` where they are. Never rejects.
   */
  nudge(secret: SecretReference, app: SelectedPods | undefined): Promise<string | undefined>;
}
