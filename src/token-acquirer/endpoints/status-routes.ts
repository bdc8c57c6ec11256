import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../ports/clock.ts';
import type { ExposedState } from '../../ports/telemetry.ts';
import type { Acquirer } from '../token/acquirer.ts';
import { answerCheck, checkedName } from './check-route.ts';
import { isLocal } from './listener.ts';
import { sendProblem } from './problem.ts';
import type { ProcessStatus } from './process-status.ts';
import type { ReplicaView } from './replica-view.ts';
import { sharedAnswer } from './shared-answer.ts';
import { conditionsOf, type ShardsToReport, statusOfProcess } from './status-report.ts';

export interface StatusRoutesDependencies {
  readonly acquirer: Acquirer;
  readonly shards: ShardsToReport;
  readonly clock: Clock;
  /** Ready means that the configuration is loaded and the reissue endpoint is up, never that each token is healthy. */
  readonly status: ProcessStatus;
  /** Left out: there is only this replica. */
  readonly replica?: ReplicaView | undefined;
  /** The metrics in Prometheus' text format. */
  readonly metrics: (state: ExposedState) => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Adds probes, metrics and status. The status is only for this machine. */
export function addStatusRoutes(
  app: FastifyInstance,
  { acquirer, shards, clock, status, metrics, replica }: StatusRoutesDependencies,
): void {
  addProbeRoutes(app, { status });
  // Other pods reach the metrics, which of thousands of tokens are megabytes.
  const exposition = sharedAnswer(clock, async () => {
    const { contentType, text } = await metrics({
      tokens: conditionsOf(acquirer),
      process: status.conditions,
      shards: shards.unowned,
      credentials: acquirer.credentialEnds,
      shard: { shard: shards.own, leads: replica?.isFollowing !== true },
    });
    return { contentType, bytes: Buffer.from(text) };
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, bytes } = await exposition();
    return reply.type(contentType).send(bytes);
  });
  app.get('/status', async (request, reply) => {
    if (!isLocal(request)) return sendProblem(reply, { status: 403, detail: LOCAL_ONLY });
    const own = statusOfProcess({ acquirer, status, shards }, clock.now());
    return replica === undefined ? own : replica.statusOf(own);
  });
  addCheckRoute(app, acquirer, replica);
}

/**
 * Tries a credential now. Anyone who reaches loopback may ask for that: pages of other sites are kept out with the status, and
 * no answer holds anything secret.
 */
function addCheckRoute(app: FastifyInstance, acquirer: Acquirer, replica: ReplicaView | undefined): void {
  app.post('/check', async (request, reply) => {
    if (!isLocal(request)) return sendProblem(reply, { status: 403, detail: LOCAL_ONLY });
    const name = checkedName(request);
    // Only the replica that leads knows which attempts could lock an account.
    if (name === undefined || replica?.isFollowing !== true) return answerCheck(request, reply, acquirer.checks);
    const answer = await replica.check(name);
    if (answer.pod !== undefined) return reply.code(answer.status).type('application/json').send(answer.body);
    const detail = `The replica that leads checks credentials. ${answer.unanswered}`;
    return sendProblem(reply, { status: 503, detail, code: 'leader_unavailable' });
  });
}

const LOCAL_ONLY =
  'The status is answered on the loopback address only. Use kubectl exec, or kubectl port-forward and 127.0.0.1.';

/** What the kubelet asks. */
export function addProbeRoutes(app: FastifyInstance, { status }: Pick<StatusRoutesDependencies, 'status'>): void {
  app.get('/livez', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_request, reply) => {
    const { notReady: detail } = status;
    if (detail === undefined) return reply.type('text/plain').send('ok\n');
    return sendProblem(reply, { status: 503, detail });
  });
}
