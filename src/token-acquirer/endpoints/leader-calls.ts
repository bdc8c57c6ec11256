import type { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import type { ReplicaCaller } from '../../ports/replica-caller.ts';
import type { Leadership } from '../leadership/leadership.ts';

/** Who this process is for the other replicas. */
export interface OwnAccount {
  /** As the authenticator of callers names it: `system:serviceaccount:<namespace>:<name>`. */
  readonly name: string;
  readonly bearer: Redacted;
}

export interface LeaderCallsDependencies {
  readonly leadership: Pick<Leadership, 'leader'>;
  readonly replicas: ReplicaCaller | undefined;
  /** Reads the token of this process for the audience of callers. Returns a sentence where that fails. */
  readonly account: () => OwnAccount | string;
}

/** The paths are for replicas only. */
export const REPLICA_STATUS_PATH = '/replica/status';
export const REPLICA_CHECK_PATH = '/replica/check';

/** The status of 10,000 tokens has about 15 MB. */
const LONGEST_ANSWER = 64 * 1024 * 1024;
const TIMEOUT: Ms = 15_000;
/** The credential checks of one name wait for each other's pauses. */
const CHECK_TIMEOUT: Ms = 60_000;

/** What the leader answered, and which pod it is; or a sentence about why there is no answer. */
export type LeaderAnswer =
  | { readonly pod: string; readonly status: number; readonly body: string }
  | { readonly pod?: undefined; readonly unanswered: string };

const NOBODY = 'No replica is known to lead at the moment. One takes over within a minute.';

/** Asks the replica that leads, in the name of this replica. */
export class LeaderCalls {
  readonly #dependencies: LeaderCallsDependencies;

  constructor(dependencies: LeaderCallsDependencies) {
    this.#dependencies = dependencies;
  }

  status(): Promise<LeaderAnswer> {
    return this.#ask('GET', REPLICA_STATUS_PATH);
  }

  check(name: string): Promise<LeaderAnswer> {
    return this.#ask('POST', REPLICA_CHECK_PATH, JSON.stringify({ name }));
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: string): Promise<LeaderAnswer> {
    const { leadership, replicas, account } = this.#dependencies;
    const { leader } = leadership;
    if (leader === undefined || replicas === undefined) return { unanswered: NOBODY };
    const own = account();
    if (typeof own === 'string') return { unanswered: own };
    const timeout = body === undefined ? TIMEOUT : CHECK_TIMEOUT;
    const place = { kind: 'address', address: leader.address } as const;
    const call = { method, path, bearer: own.bearer, headers: {}, body, bodyLimit: LONGEST_ANSWER, timeout };
    const answer = await replicas.call(place, call);
    const { pod } = leader;
    if (answer.kind === 'silent') return { unanswered: `The leader ${pod} does not answer: ${answer.why}.` };
    const { status } = answer;
    if (status === 200 || status === 404) return { pod, status, body: answer.body.toString('utf8') };
    return { unanswered: `The leader ${pod} answers HTTP ${status} to this replica.${HINTS[status] ?? ''}` };
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: ' It does not accept the token of this replica: check the volume replica-token of the pod.',
  403: ' The other pod has another ServiceAccount.',
  421: ' Another replica is taking over: ask again.',
};
