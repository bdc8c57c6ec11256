import type { Clock } from '../../../ports/clock.ts';
import type { ReplicaView } from '../replica-view.ts';
import { sharedAnswer } from '../shared-answer.ts';
import { type ProcessFacts, processReport, statusOfProcess } from '../status-report.ts';
import { OwnTokens } from './own-tokens.ts';
import type { PagePicture } from './page-message.ts';
import { pageProcess, pictureOf } from './page-picture.ts';

export interface PageLookDependencies extends ProcessFacts {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Left out: there is only this replica. */
  readonly replica?: ReplicaView | undefined;
}

/** Returns what looks at the tokens: at those of this process, or where it does not lead, at what the leader reports. */
export function pageLook({ clock, replica, ...facts }: PageLookDependencies): () => Promise<PagePicture> {
  const own = new OwnTokens();
  // The report of thousands of tokens is megabytes, so the leader is asked less often where it takes long.
  const ofLeader = sharedAnswer(clock, async () => {
    const report = statusOfProcess(facts, clock.now());
    return pictureOf((await replica?.statusOf(report)) ?? report);
  });
  return async () => {
    if (replica?.isFollowing === true) return ofLeader();
    const now = clock.now();
    const report = processReport(facts, now);
    return { of: now, process: pageProcess(replica?.own(report) ?? report), tokens: own.rowsOf(facts.acquirer) };
  };
}
