import { homedir } from 'node:os';
import type { KubeConfig } from '@kubernetes/client-node';
import type { ApiServer } from '../adapters/kubernetes/api/api-server.ts';
import { usableKubeconfig } from '../adapters/kubernetes/api/api-server.ts';
import { kubeconfigFiles } from '../adapters/kubernetes/api/kubeconfig.ts';
import { observeInPods } from '../adapters/kubernetes/doctor/in-pods.ts';
import type { Readings } from '../adapters/kubernetes/doctor/readings.ts';
import type { Release } from '../adapters/kubernetes/doctor/release.ts';
import { type LabeledPod, listAcquirerPods } from '../adapters/kubernetes/terminal/acquirer-pods.ts';
import { execInPod } from '../adapters/kubernetes/terminal/pod-exec.ts';
import { throughForward } from '../adapters/kubernetes/terminal/pod-forward.ts';
import { postJson } from '../adapters/node/terminal.ts';
import type { Observed } from '../core/doctor/observed.ts';
import type { ObservedTrial } from '../core/doctor/observed-in-pods.ts';
import { messageOf, StoreError } from '../core/errors.ts';
import type { DoctorArguments } from './cli/doctor-command.ts';
import { callerAudience } from './configuration/caller-audience.ts';
import type { Configuration } from './configuration/resolve.ts';
import type { CheckReport } from './token/credential-checks.ts';

/** What the doctor has found out so far, and with what. */
export interface PodsSurroundings {
  readonly api: ApiServer;
  readonly readings: Readings;
  readonly release: Release;
  readonly configuration: Configuration;
  readonly tokens: Observed['tokens'];
}

/**
 * Does what somebody must ask for: commands in the pods of client apps, and token requests. Returns also the Secrets that
 * were read after the commands.
 */
export async function observeWithPods(
  options: DoctorArguments,
  surroundings: PodsSurroundings,
): Promise<Pick<Observed, 'inPods' | 'trials'> & Pick<Observed['cluster'], 'secrets'>> {
  const { inPods = false, requestToken = false, namespace, kubeconfig, context } = options;
  if (!inPods && !requestToken) return { secrets: {} };
  const { config } = usableKubeconfig(kubeconfigFiles(kubeconfig, process.env, homedir()), context);
  const { readings, configuration, tokens } = surroundings;
  const service = { namespace, name: configuration.cluster.service };
  const { audience } = callerAudience(configuration.cluster, namespace);
  const question = { tokens, service, audience };
  const [found, trials] = await Promise.all([
    inPods ? observeInPods(readings, (place, command) => execInPod(config, place, command), question) : undefined,
    requestToken ? tryCredentials(config, namespace, surroundings) : undefined,
  ]);
  return { inPods: found?.inPods, trials, secrets: found?.secrets ?? {} };
}

/** Each shard knows only the credentials of its tokens. */
async function tryCredentials(
  config: KubeConfig,
  namespace: string,
  { api, release, tokens }: PodsSurroundings,
): Promise<readonly ObservedTrial[]> {
  const deployments = typeof release.deployments === 'string' ? [] : release.deployments;
  const selectors = deployments.map(({ spec }) =>
    Object.entries(spec?.template.metadata?.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  );
  const found = await Promise.all(selectors.map((selector) => listAcquirerPods(api, selector, namespace)));
  const pods = found.flatMap((of) => of.filter(({ ready }) => ready).slice(0, 1));
  const credentials = [...new Set(tokens.map(({ credential }) => credential))];
  // A process waits between token requests, so that many calls in parallel would exceed the time for an answer.
  const trials: ObservedTrial[] = [];
  for (const credential of credentials) trials.push(...(await tryCredential(config, pods, credential)));
  return trials;
}

async function tryCredential(
  config: KubeConfig,
  pods: readonly LabeledPod[],
  credential: string,
): Promise<readonly ObservedTrial[]> {
  let message = 'no pod of the token-acquirer is ready.';
  for (const { namespace, name: pod, statusPort: port } of pods) {
    try {
      const answer = await throughForward(config, { namespace, pod, port }, (address) =>
        postJson(`http://${address}/check`, { name: credential }),
      );
      if (answer.status === 200) {
        const { checks } = JSON.parse(answer.body) as { readonly checks: readonly CheckReport[] };
        return checks.map((check) => ({ credential, outcome: check.outcome, message: check.message }));
      }
      message = `the token-acquirer answered HTTP ${answer.status}.`;
    } catch (error) {
      message = unansweredBy(error);
    }
  }
  return [{ credential, outcome: 'unanswered', message }];
}

/** Quotes nothing of an answer. */
function unansweredBy(error: unknown): string {
  if (error instanceof StoreError) return messageOf(error);
  if (error instanceof SyntaxError) return 'the token-acquirer sent an answer that is not JSON.';
  return `the token-acquirer sent no answer (${messageOf(error)}).`;
}
