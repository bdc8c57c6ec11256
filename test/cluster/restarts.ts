import { setTimeout as pause } from 'node:timers/promises';
import { docker } from './docker.ts';
import { accessOf } from './own-node.ts';
import { writeKubeconfig } from './record.ts';

const EVERY = 2000;
const READY = /^NODE READY/m;

export interface RestartsDependencies {
  readonly run: (args: readonly string[]) => Promise<string>;
  readonly tell: (text: string) => void;
  readonly every?: number;
}

/**
 * Writes the kubeconfig of the project's own node anew after each restart of its container, which has another port and
 * another token then. Resolves when `signal` aborts.
 */
export async function followRestarts(
  { container, kubeconfig }: { readonly container: string; readonly kubeconfig: string },
  signal: AbortSignal,
  { run = docker, tell, every = EVERY }: Partial<RestartsDependencies> & Pick<RestartsDependencies, 'tell'>,
): Promise<void> {
  const startedAt = async (): Promise<string> =>
    (await run(['inspect', '--format', '{{.State.StartedAt}}', container])).trim();
  let known = await startedAt().catch(() => '');
  while (!signal.aborted) {
    await pause(every, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const started = await startedAt();
      // What it logged before is of an earlier start.
      if (started === known || !READY.test(await run(['logs', '--since', started, container]))) continue;
      writeKubeconfig(kubeconfig, await accessOf(container, run));
      known = started;
      tell(`The container was restarted, so ${kubeconfig} was written anew: the port and the token are others.`);
    } catch {
      // It is stopped, or not started yet.
    }
  }
}
