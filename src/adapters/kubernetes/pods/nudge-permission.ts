import { messageOf } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { isOlder, type Release, readVersion } from '../api/api-version.ts';
import { ApiException } from '../api/client-library.ts';
import { NUDGE_ANNOTATION, patchPodStatus } from './pod-status-patch.ts';

/** A passed check holds so long, for each costs a request; a failed one is not repeated sooner than this. */
const HOLDS: Ms = 6 * 3_600_000;
const REPEATED: Ms = 60_000;
/** ValidatingAdmissionPolicy became stable with it. */
const MINIMUM: Release = { major: 1, minor: 30 };
/** The beginning of the denial by the policy of `manifests/admission-policy.yaml`: that of another policy proves nothing. */
const MARK = `may change only the annotation ${NUDGE_ANNOTATION} of a pod`;
const PROBE = { labels: { 'token-acquirer.dev/policy-check': 'must-be-refused' } };
const REMEDY = 'Apply manifests/admission-policy.yaml, or set `propagation.nudge: false`.';

interface Checked {
  readonly at: Ms;
  /** `undefined`: pods may be nudged. */
  readonly because: string | undefined;
}

/**
 * Decides whether pods may be nudged. The permission to patch `pods/status` is only used if the admission policy limits it to
 * one annotation. Only a pod can show that, so the first pod of a namespace that needs a nudge is tried.
 */
export class NudgePermission {
  readonly #api: ApiServer;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #namespaces = new Map<string, Checked>();
  readonly #checking = new Map<string, Promise<string | undefined>>();

  constructor(api: ApiServer, clock: Pick<Clock, 'monotonic'>) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Why none of these pods may be nudged now, `undefined` where they may. Never rejects. */
  async refusal(namespace: string, pods: readonly string[]): Promise<string | undefined> {
    const before = this.#namespaces.get(namespace);
    const age = before === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - before.at;
    if (before !== undefined && age < (before.because === undefined ? HOLDS : REPEATED)) return before.because;
    return this.check(namespace, pods);
  }

  /** The same, tried now. Never rejects. */
  check(namespace: string, pods: readonly string[]): Promise<string | undefined> {
    const checking = this.#checking.get(namespace) ?? this.#check(namespace, pods);
    this.#checking.set(namespace, checking);
    return checking;
  }

  /** A nudge was denied, so the permission must be tried again. */
  doubt(namespace: string): void {
    this.#namespaces.delete(namespace);
  }

  /** Why this cluster is too old for the policy. Never rejects. */
  async version(): Promise<string | undefined> {
    try {
      const version = await readVersion(this.#api);
      if (!isOlder(version, MINIMUM)) return undefined;
      return `The nudge needs Kubernetes 1.30 or later for its admission policy; this is ${version.name}. Set \`propagation.nudge: false\`.`;
    } catch (error) {
      return apiFailure('The version of Kubernetes cannot be read', error).message;
    }
  }

  async #check(namespace: string, pods: readonly string[]): Promise<string | undefined> {
    const because = (await this.version()) ?? (await this.#probe(namespace, pods));
    this.#checking.delete(namespace);
    this.#namespaces.set(namespace, { at: this.#clock.monotonic(), because });
    return because;
  }

  /** A pod may have been deleted in the meantime. Then the next one is tried. */
  async #probe(namespace: string, [pod, ...more]: readonly string[]): Promise<string | undefined> {
    if (pod === undefined)
      return `The nudge waits: there is no pod left in the namespace ${namespace} to try its admission policy on.`;
    try {
      await patchPodStatus(this.#api, { namespace, pod, metadata: PROBE, dryRun: true });
    } catch (error) {
      if (isPolicysRefusal(error)) return undefined;
      return statusOf(error) === 404 ? this.#probe(namespace, more) : this.#failure(namespace, error);
    }
    return `The nudge is denied: the admission policy that limits it to one annotation is not in force for this ServiceAccount in the namespace ${namespace}. ${REMEDY}`;
  }

  #failure(namespace: string, error: unknown): string {
    const what = `The admission policy of the nudge in the namespace ${namespace} could not be checked`;
    const sentence = messageOf(apiFailure(what, error));
    return statusOf(error) === 403 ? `${sentence} Or set \`propagation.nudge: false\`.` : sentence;
  }
}

/** The policy answers 403 as a missing right does, so its words are looked for. Nothing of the body is kept. */
function isPolicysRefusal(error: unknown): boolean {
  if (!(error instanceof ApiException)) return false;
  const body: unknown = error.body;
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
  return (
    (error.code === 403 || error.code === 422) && text.includes('ValidatingAdmissionPolicy') && text.includes(MARK)
  );
}
