import { messageOf } from '../../../core/errors.ts';
import type { Ms, SecretReference } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { SelectedPods } from '../../../ports/execution-state.ts';
import type { VolumeNudge } from '../../../ports/volume-nudge.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { createTurns } from '../api/turns.ts';
import { NamespacePods } from './namespace-pods.ts';
import { NudgePermission } from './nudge-permission.ts';
import { isRunning, type PodFacts } from './pod-facts.ts';
import { NUDGE_ANNOTATION, patchPodStatus } from './pod-status-patch.ts';
import type { PodWatches } from './pod-watch.ts';

export interface VolumeNudgeOptions {
  readonly clock: Clock;
  /** Called once when nudges in a namespace begin to fail, and again when the reason changes. */
  readonly onFault: (message: string) => void;
}

export interface PodVolumeNudge extends VolumeNudge {
  /**
   * Why volumes are not nudged, `undefined` where nothing speaks against it: Kubernetes older than 1.30, or the admission
   * policy not in force in a namespace of these client apps, or of one nudged before. That is tried on a pod, so a
   * namespace without one is passed over: nothing is nudged there either before it was tried. Never rejects.
   */
  check(apps?: readonly SelectedPods[]): Promise<string | undefined>;
}

/** Several tokens of one Secret that change within it are one nudge; and the kubelet hears of the Secret first. */
const GATHERING: Ms = 50;
/** Requests at the same time, over all Secrets. */
const AT_ONCE = 8;
/** A list of a namespace's pods may have megabytes. */
const LISTS_AT_ONCE = 2;

/**
 * Makes kubelets refresh token volumes immediately instead of within 40 to 90 s: an update of a pod makes its kubelet check
 * its volumes. One patch of one annotation for each running pod that mounts the Secret.
 */
export function createVolumeNudge(api: ApiServer, watches: PodWatches, options: VolumeNudgeOptions): PodVolumeNudge {
  const permission = new NudgePermission(api, options.clock);
  const apps = new Map<string, SelectedPods>();
  const nudging = createNudging(api, { ...options, watches, permission });

  async function checkApp({ namespace, selector }: SelectedPods): Promise<string | undefined> {
    try {
      const pods = (await watches.look(namespace, selector)).filter(isRunning);
      return pods.length === 0 ? undefined : await permission.check(namespace, namesOf(pods));
    } catch (error) {
      return messageOf(error);
    }
  }

  return {
    nudge(secret, given) {
      const app = given?.namespace === secret.namespace ? given : { namespace: secret.namespace, selector: '' };
      apps.set(`${app.namespace} ${app.selector}`, app);
      return nudging(secret, app);
    },

    async check(more = []) {
      const tooOld = await permission.version();
      if (tooOld !== undefined) return tooOld;
      for (const app of [...more, ...apps.values()]) {
        const refusal = await checkApp(app);
        if (refusal !== undefined) return refusal;
      }
      return undefined;
    },
  };
}

type Nudging = (secret: SecretReference, app: SelectedPods) => Promise<string | undefined>;
type NudgingParts = VolumeNudgeOptions & { readonly watches: PodWatches; readonly permission: NudgePermission };

/** One nudge at a time is being gathered for each Secret, for all that call in the meantime; it never rejects. */
function createNudging(api: ApiServer, { clock, onFault, watches, permission }: NudgingParts): Nudging {
  const gathering = new Map<string, Promise<string | undefined>>();
  const faults = new Map<string, string>();
  const { run: limit } = createTurns(AT_ONCE);
  const { run: lists } = createTurns(LISTS_AT_ONCE);
  const podsNear = new NamespacePods(watches, clock);

  async function nudgePod(namespace: string, pod: string): Promise<string | undefined> {
    const annotations = { [NUDGE_ANNOTATION]: new Date(clock.now()).toISOString() };
    try {
      await patchPodStatus(api, { namespace, pod, metadata: { annotations } });
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return undefined;
      if (status === 403 || status === 422) permission.doubt(namespace);
      return apiFailure(`The pods of the namespace ${namespace} cannot be nudged`, error).message;
    }
    return undefined;
  }

  async function nudgeAll({ namespace, secret }: SecretReference, app: SelectedPods): Promise<string | undefined> {
    // Any pod of the namespace may mount the Secret, whatever the selector of the client app selects.
    const pods = (await lists(() => podsNear.look(app))).filter((pod) => mounts(pod, secret));
    if (pods.length === 0) return undefined;
    const refusal = await limit(() => permission.refusal(namespace, namesOf(pods)));
    if (refusal !== undefined) return refusal;
    const failures = await Promise.all(pods.map((pod) => limit(() => nudgePod(namespace, pod.name))));
    return failures.find((failure) => failure !== undefined);
  }

  function tell(namespace: string, fault: string | undefined): void {
    const before = faults.get(namespace);
    if (fault === undefined) faults.delete(namespace);
    else faults.set(namespace, fault);
    if (fault !== undefined && fault !== before) onFault(`${fault} Until then volumes follow within 90 s.`);
  }

  async function gather(key: string, secret: SecretReference, app: SelectedPods): Promise<string | undefined> {
    await clock.wait(GATHERING);
    gathering.delete(key);
    const fault = await nudgeAll(secret, app).catch(messageOf);
    tell(secret.namespace, fault);
    return fault;
  }

  return (secret, app) => {
    const key = `${secret.namespace} ${secret.secret} ${app.selector}`;
    const nudged = gathering.get(key) ?? gather(key, secret, app);
    gathering.set(key, nudged);
    return nudged;
  };
}

/** A pod that is not yet scheduled has no kubelet that could hear of it. */
function mounts(pod: PodFacts, secret: string): boolean {
  return isRunning(pod) && pod.scheduled && pod.mounted.includes(secret);
}

function namesOf(pods: readonly PodFacts[]): readonly string[] {
  return pods.map((pod) => pod.name);
}
