import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ProcessCondition, TokenConditions } from '../../core/conditions.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Acquirer } from '../token/acquirer.ts';
import { isLocal } from './listener.ts';
import { sendProblem } from './problem.ts';
import type { ProcessStatus } from './process-status.ts';
import { sharedAnswer } from './shared-answer.ts';
import { conditionsOf, statusOfProcess } from './status-report.ts';

export interface StatusRoutesDependencies {
  readonly acquirer: Acquirer;
  readonly clock: Clock;
  /** Ready means that the configuration is loaded and the reissue endpoint is up, never that each token is healthy. */
  readonly status: ProcessStatus;
  /** The metrics in Prometheus' text format. */
  readonly metrics: (
    tokens: readonly TokenConditions[],
    conditions: readonly ProcessCondition[],
  ) => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Adds probes, metrics and status. The status is only for this machine. */
export function addStatusRoutes(
  app: FastifyInstance,
  { acquirer, clock, status, metrics }: StatusRoutesDependencies,
): void {
  addProbeRoutes(app, { status });
  // Other pods reach the metrics, which of thousands of tokens are megabytes.
  const exposition = sharedAnswer(clock, async () => {
    const { contentType, text } = await metrics(conditionsOf(acquirer), status.conditions);
    return { contentType, bytes: Buffer.from(text) };
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, bytes } = await exposition();
    return reply.type(contentType).send(bytes);
  });
  app.get('/status', async (request, reply) => {
    if (isLocal(request)) return statusOfProcess(acquirer, status, clock.now());
    return sendProblem(reply, { status: 403, detail: LOCAL_ONLY });
  });
  addCheckRoute(app, acquirer);
}

/**
 * Tries a credential now. Anyone who reaches loopback may ask for that: pages of other sites are kept out with the status, and
 * no answer holds anything secret.
 */
function addCheckRoute(app: FastifyInstance, acquirer: Acquirer): void {
  app.post('/check', async (request, reply) => {
    if (!isLocal(request)) return sendProblem(reply, { status: 403, detail: LOCAL_ONLY });
    const body = checkSchema.safeParse(request.body);
    if (!body.success) return sendProblem(reply, { status: 400, detail: CHECK_FORM });
    const { name } = body.data;
    const checks = await acquirer.checks.check(name);
    if (checks.length > 0) return { checks };
    const names = acquirer.checks.credentials.join(', ') || 'none';
    const detail = `No token uses a credential of this name, and none is called so. Credentials: ${names}.`;
    return sendProblem(reply, { status: 404, detail });
  });
}

const checkSchema = z.object({ name: z.string().min(1).max(1000) });
const CHECK_FORM = 'The body must be {"name": "<a credential, or namespace/secret/name of a token>"}.';

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
