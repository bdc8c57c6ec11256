import type { ApiServer } from '../api/api-server.ts';
import { CoreV1Api, PatchStrategy, setHeaderOptions } from '../api/client-library.ts';

/** The one annotation that a nudge sets, to an RFC 3339 time. `manifests/admission-policy.yaml` names it, too. */
export const NUDGE_ANNOTATION = 'token-acquirer.dev/volume-refreshed-at';

export interface PodStatusPatch {
  readonly namespace: string;
  readonly pod: string;
  readonly metadata: { readonly annotations?: object; readonly labels?: object };
  /** Through all checks, but nothing is stored. */
  readonly dryRun?: boolean;
}

/** One merge patch of metadata through `pods/status`. Throws what client-node throws: for `apiFailure`. */
export async function patchPodStatus(api: ApiServer, patch: PodStatusPatch): Promise<void> {
  const { namespace, pod: name, metadata, dryRun = false } = patch;
  await new CoreV1Api(api.configuration).patchNamespacedPodStatus(
    { namespace, name, body: { metadata }, fieldManager: 'token-acquirer', ...(dryRun && { dryRun: 'All' }) },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
}
