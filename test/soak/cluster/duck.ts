import { setTimeout as pause } from 'node:timers/promises';
import { type ClusterTown, HOME, RELEASE } from './cluster-town.ts';
import type { LeaseWatch } from './lease-watch.ts';

export const TRICKS = ['kill', 'kill-pod', 'pause', 'upgrade', 'rollback', 'drain'] as const;
/** What is done to the replicas. `kill-pod`: the process is killed, and its pod is removed, as when a node is lost. */
export type Trick = (typeof TRICKS)[number];

/** Ids of the processes of a pod that run Node. */
const PROCESSES = `
for process in /proc/[0-9]*; do
  grep -qsE "pod($1|$2)" "$process/cgroup" && [ "$(readlink "$process/exe")" = /usr/local/bin/node ] && echo "\${process#/proc/}"
done
exit 0
`;
const SETTLING = 5000;

export interface Done {
  readonly trick: Trick;
  readonly pod: string | undefined;
  readonly began: number;
  readonly ended: number;
}

/** Disturbs the replica that leads. */
export class Duck {
  readonly #town: ClusterTown;
  readonly #lease: LeaseWatch;
  #upgrades = 0;
  readonly done: Done[] = [];

  constructor(town: ClusterTown, lease: LeaseWatch) {
    this.#town = town;
    this.#lease = lease;
  }

  async play(trick: Trick): Promise<void> {
    const began = Date.now();
    const pod = await this.#leader();
    if (pod === undefined && trick !== 'upgrade' && trick !== 'rollback') return;
    await this.#play(trick, pod ?? '');
    this.done.push({ trick, pod, began, ended: Date.now() });
  }

  async #play(trick: Trick, pod: string): Promise<void> {
    switch (trick) {
      case 'kill':
        return this.#signal(pod, 'KILL', trick);
      case 'kill-pod':
        return this.#removePod(pod);
      case 'pause':
        return this.#pause(pod);
      case 'upgrade':
        this.#upgrades += 1;
        return this.#town.release('upgrade', `--set=podAnnotations.soak=number-${this.#upgrades}`);
      case 'rollback':
        return this.#town.release('rollback');
      case 'drain':
        return this.#drain();
    }
  }

  /**
   * The processes are stopped first. If they were only killed, the kubelet would start the container again before it hears of the
   * removal, and the new process would take the Lease for its last second.
   */
  async #removePod(pod: string): Promise<void> {
    const ids = await this.#processes(pod);
    this.#lease.lost('kill-pod', true);
    await this.#town.node.exec(['kill', '-STOP', ...ids]);
    await this.#kubectl('delete', 'pod', pod, '--force', '--grace-period=0', '--ignore-not-found');
    // The kubelet may have done it.
    await this.#town.node.exec(['sh', '-c', 'kill -KILL "$@" || true', 'kill', ...ids]);
  }

  /** Twice as long as its Lease lasts. */
  async #pause(pod: string): Promise<void> {
    await this.#signal(pod, 'STOP', 'pause');
    await pause(2 * (this.#lease.duration ?? 60) * 1000);
    await this.#signal(pod, 'CONT', undefined);
  }

  /** The only node cannot be left for good: what is evicted waits until the node may be used again. */
  async #drain(): Promise<void> {
    const node = (
      await this.#town.cluster.kubectl(['get', 'nodes', '--output=jsonpath={.items[0].metadata.name}'])
    ).trim();
    const selector = `--pod-selector=app.kubernetes.io/name=${RELEASE}`;
    // The disruption budget keeps the second pod, so the drain does not end.
    await this.#kubectl('drain', node, selector, '--timeout=15s', '--ignore-daemonsets').catch(() => {});
    await this.#kubectl('uncordon', node);
    await this.#kubectl('rollout', 'status', `deployment/${RELEASE}`, '--timeout=180s');
    await pause(SETTLING);
  }

  async #signal(pod: string, signal: 'KILL' | 'STOP' | 'CONT', why: string | undefined): Promise<void> {
    const ids = await this.#processes(pod);
    if (why !== undefined) this.#lease.lost(why);
    await this.#town.node.exec(['kill', `-${signal}`, ...ids]);
  }

  /** In the node. */
  async #processes(pod: string): Promise<string[]> {
    const uid = (await this.#get(pod, '{.metadata.uid}')).trim();
    const found = await this.#town.node.exec(['sh', '-c', PROCESSES, 'find', uid, uid.replaceAll('-', '_')]);
    const ids = found.split('\n').filter((id) => id !== '');
    if (ids.length === 0) throw new Error(`The pod ${pod} has no process that runs Node.`);
    return ids;
  }

  /** Without a Lease, the only replica. A pod that was removed leads until its Lease ends, and cannot be disturbed. */
  async #leader(): Promise<string | undefined> {
    const path = '--output=jsonpath={.items[*].metadata.name}';
    const found = await this.#text('get', 'pods', `--selector=app.kubernetes.io/name=${RELEASE}`, path);
    const pods = found.trim().split(' ');
    return this.#lease.exists ? pods.find((pod) => pod === this.#lease.leader) : pods[0];
  }

  #get(pod: string, path: string): Promise<string> {
    return this.#text('get', 'pod', pod, `--output=jsonpath=${path}`);
  }

  #text(...args: readonly string[]): Promise<string> {
    return this.#town.cluster.kubectl([`--namespace=${HOME}`, ...args]);
  }

  async #kubectl(...args: readonly string[]): Promise<void> {
    await this.#text(...args);
  }
}
