import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StoreError } from '../../core/errors.ts';
import type { CallerAuthenticator } from '../../ports/caller-authenticator.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Leadership } from '../leadership/leadership.ts';
import { bearerOf } from './admission.ts';
import type { Calls } from './calls.ts';
import { answerCheck } from './check-route.ts';
import { type OwnAccount, REPLICA_CHECK_PATH, REPLICA_STATUS_PATH } from './leader-calls.ts';
import { pathOf } from './listener.ts';
import { sendProblem } from './problem.ts';
import type { StatusReport } from './status-report.ts';

export interface ReplicaRoutesDependencies {
  readonly leadership: Pick<Leadership, 'role'>;
  readonly callers: CallerAuthenticator;
  readonly account: () => OwnAccount | string;
  readonly report: () => StatusReport;
  readonly checks: Parameters<typeof answerCheck>[2];
  readonly telemetry: Pick<Telemetry, 'process'>;
  readonly calls: Calls;
}

/** Adds what the other replicas ask the leader, for the people who asked them. Only the own ServiceAccount gets an answer. */
export function addReplicaRoutes(app: FastifyInstance, dependencies: ReplicaRoutesDependencies): void {
  const { report, checks } = dependencies;
  app.get(REPLICA_STATUS_PATH, async (request, reply) => {
    if (!(await isReplica(request, reply, dependencies))) return reply;
    return reply.header('cache-control', 'no-store').send(report());
  });
  app.post(REPLICA_CHECK_PATH, async (request, reply) => {
    if (!(await isReplica(request, reply, dependencies))) return reply;
    return answerCheck(request, reply, checks);
  });
}

/** Answers every caller that is not another replica, and every replica where this one does not lead. */
async function isReplica(
  request: FastifyRequest,
  reply: FastifyReply,
  { leadership, callers, account, telemetry, calls }: ReplicaRoutesDependencies,
): Promise<boolean> {
  const own = account();
  const status = typeof own === 'string' ? 403 : await statusFor(request, callers, own.name);
  if (status === undefined && leadership.role !== 'following') return true;
  if (status === undefined) {
    await sendProblem(reply, { status: 421, detail: 'This replica does not lead.', code: 'not_leader' });
    return false;
  }
  telemetry.process({ kind: 'call-refused', status, path: pathOf(request), call: calls.of(request) });
  await sendProblem(reply, { status, detail: 'Only another replica of the token-acquirer gets an answer here.' });
  return false;
}

/** Returns the status with which a call is rejected; `undefined` for one of the own ServiceAccount. */
async function statusFor(
  request: FastifyRequest,
  callers: CallerAuthenticator,
  own: string,
): Promise<401 | 403 | 503 | undefined> {
  const bearer = bearerOf(request);
  try {
    const caller = bearer && (await callers.authenticate(bearer));
    if (caller === undefined) return 401;
    return caller.name === own && caller.stranger !== true ? undefined : 403;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return 503;
  }
}
