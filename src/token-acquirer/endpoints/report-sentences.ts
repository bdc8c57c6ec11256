import { type ReplicaReport, type StatusReport, type TokenReport, unhealthyIn } from './status-report.ts';

/** Something to read: what it is about, and a sentence. */
export interface Remark {
  readonly title: string;
  readonly message: string;
  /** Since when, where that is known: RFC 3339. */
  readonly since?: string;
}

/** Returns whether the process is ready, and each of its conditions is healthy. */
export function isProcessHealthy(report: Omit<StatusReport, 'tokens'>): boolean {
  return report.replica?.leader_unreachable === undefined && processProblems(report).length === 0;
}

/** Returns why the process is not ready, and its unhealthy conditions. */
export function processProblems({ not_ready, conditions = [] }: Omit<StatusReport, 'tokens'>): readonly Remark[] {
  const unhealthy = conditions
    .filter(({ status }) => status === 'False')
    .map(({ type, reason, message, last_transition_time }) => ({
      title: `${type}=False (${reason})`,
      message,
      since: last_transition_time,
    }));
  return not_ready === undefined ? unhealthy : [{ title: 'Not ready', message: not_ready }, ...unhealthy];
}

/** Returns which pod leads, and why this is not its report. */
export function leaderLines(replica: ReplicaReport | undefined): readonly string[] {
  if (replica === undefined) return [];
  const { pod, shard, role, leader: other, leader_unreachable: unreachable } = replica;
  if (unreachable !== undefined)
    return [`The leader cannot be asked. This is what the pod ${pod} knows, which does not lead`, unreachable];
  const tokens = shard === 0 ? '' : ` of shard ${shard}`;
  if (role === 'unelected') return [`No leader${tokens}: every replica renews the tokens. This is the pod ${pod}`];
  const cutOff = role === 'cut-off' ? ', and cannot reach the API server' : '';
  return [`Leader${tokens}: pod ${other ?? pod}${cutOff}`];
}

/** Returns the last error of a token, or why it is not stored; `undefined` where neither is known. */
export function lastErrorOf(
  token: Pick<TokenReport, 'last_error' | 'state' | 'stored' | 'conditions'>,
): string | undefined {
  const { last_error: error, state, stored, conditions } = token;
  if (error !== undefined) return `${error.code}: ${error.message}`;
  const store = unhealthyIn(conditions).find(({ type }) => type === 'Stored');
  // A store that cannot be read may still hold the token.
  const isCause = state === 'NotStored' || !stored;
  return isCause && store !== undefined ? `${store.reason}: ${store.message}` : undefined;
}
