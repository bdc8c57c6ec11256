import type { Leadership } from '../leadership/leadership.ts';
import type { LeaderAnswer, LeaderCalls } from './leader-calls.ts';
import type { ReplicaReport, StatusReport } from './status-report.ts';

export interface ReplicaViewDependencies {
  readonly leadership: Pick<Leadership, 'role'>;
  readonly leaderCalls: LeaderCalls;
  readonly pod: string;
  readonly shard: number;
}

/** What a replica reports of the tokens: where it does not lead, what the leader knows. */
export class ReplicaView {
  readonly #dependencies: ReplicaViewDependencies;

  constructor(dependencies: ReplicaViewDependencies) {
    this.#dependencies = dependencies;
  }

  get isFollowing(): boolean {
    return this.#dependencies.leadership.role === 'following';
  }

  /** Has the leader check a credential. */
  check(name: string): Promise<LeaderAnswer> {
    return this.#dependencies.leaderCalls.check(name);
  }

  /** Returns the report of this replica for another one. */
  own<Report extends Omit<StatusReport, 'tokens'>>(report: Report): Report {
    return { ...report, replica: this.#replica() };
  }

  /** Returns the report of the leader, or its own with the reason why the leader gives none. */
  async statusOf(own: StatusReport): Promise<StatusReport> {
    if (!this.isFollowing) return this.own(own);
    const answer = await this.#dependencies.leaderCalls.status();
    if (answer.pod === undefined)
      return { ...own, replica: { ...this.#replica(), leader_unreachable: answer.unanswered } };
    const report = parsed(answer.body);
    if (report === undefined) {
      const unreachable = `The leader ${answer.pod} gives no status that this version can read.`;
      return { ...own, replica: { ...this.#replica(), leader_unreachable: unreachable } };
    }
    const { ready, not_ready: notReady } = own;
    const readiness = { ready, ...(notReady !== undefined && { not_ready: notReady }) };
    return { ...report, ...readiness, replica: { ...this.#replica(), leader: answer.pod } };
  }

  #replica(): ReplicaReport {
    const { leadership, pod, shard } = this.#dependencies;
    return { pod, shard, role: leadership.role };
  }
}

function parsed(body: string): StatusReport | undefined {
  try {
    const report = JSON.parse(body) as StatusReport;
    return Array.isArray(report.tokens) ? report : undefined;
  } catch {
    return undefined;
  }
}
