import { messageOf, StoreError } from '../../core/errors.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import type { AcquirerPod, ClusterView, FoundPods } from './cluster-view.ts';
import {
  byPlace,
  type MergedStatus,
  mergedStatus,
  type ShardAnswer,
  type ShardPlace,
  type UnansweredShard,
} from './merged-status.ts';

type Ask = ClusterView['status'];

/** A shard of which no pod answered; `isPermanent` where asking again is of no use. */
interface Silence {
  readonly shard: UnansweredShard;
  readonly isPermanent: boolean;
}

/** Asks one pod of each shard, and another one where that cannot tell. Throws CommandFailed if no shard answers. */
export async function statusOfAll({ pods, limit }: FoundPods, ask: Ask): Promise<MergedStatus> {
  const answers: ShardAnswer[] = [];
  const silences: Silence[] = [];
  for (const asked of await Promise.all(shardsIn(pods).map((shard) => askShard(shard, ask)))) {
    if ('report' in asked) answers.push(asked);
    else silences.push(asked);
  }
  const unanswered = silences.map(({ shard }) => shard);
  if (answers.length > 0) return mergedStatus(answers, unanswered);
  const code = silences.every(({ isPermanent }) => isPermanent) ? EXIT.failed : EXIT.unreachable;
  const reasons = [...new Set(unanswered.map(({ message }) => message))];
  throw new CommandFailed(code, [...reasons, ...(limit === undefined ? [] : [limit])].join(' '));
}

/** The pods of each shard, in the order in which to ask them: an answer is likely from one that is ready. */
function shardsIn(pods: readonly AcquirerPod[]): readonly (readonly [AcquirerPod, ...AcquirerPod[]])[] {
  const shards = new Map<string, [AcquirerPod, ...AcquirerPod[]]>();
  for (const pod of pods.toSorted((one, other) => Number(other.ready) - Number(one.ready))) {
    const key = `${pod.namespace}/${pod.release}/${pod.shard}`;
    const known = shards.get(key);
    if (known === undefined) shards.set(key, [pod]);
    else known.push(pod);
  }
  return [...shards.values()].toSorted(([one], [other]) => byPlace(one, other));
}

/** A replica that cannot ask its leader is a last resort. */
async function askShard(pods: readonly [AcquirerPod, ...AcquirerPod[]], ask: Ask): Promise<ShardAnswer | Silence> {
  const [{ namespace, release, shard }] = pods;
  const place = { namespace, release, shard };
  let second: ShardAnswer | undefined;
  const failures: unknown[] = [];
  for (const pod of pods) {
    if (pod.phase !== 'Running') {
      failures.push(notRunning(pod));
      continue;
    }
    try {
      const answer = { ...place, pod: pod.name, report: await ask(pod) };
      if (answer.report.replica?.leader_unreachable === undefined) return answer;
      second ??= answer;
    } catch (error) {
      failures.push(error);
    }
  }
  return second ?? unansweredShard(place, failures);
}

function unansweredShard(place: ShardPlace, failures: readonly unknown[]): Silence {
  const message = [...new Set(failures.map(messageOf))].join(' ');
  return {
    shard: { ...place, message },
    isPermanent: failures.every((error) => error instanceof StoreError && error.permanent),
  };
}

function notRunning({ namespace, name, phase }: AcquirerPod): StoreError {
  return new StoreError(`The pod ${namespace}/${name} is ${phase}. Try: kubectl -n ${namespace} describe pod ${name}.`);
}
