import type { FastifyInstance } from 'fastify';
import type { TokenConditions } from '../core/conditions.ts';
import type { Clock } from '../ports/clock.ts';
import type { Acquirer } from './acquirer.ts';
import { isLocal } from './listener.ts';
import { sendProblem } from './problem.ts';
import { sharedAnswer } from './shared-answer.ts';
import { conditionsOf, statusOf } from './status.ts';

export interface StatusRoutesDependencies {
  readonly acquirer: Acquirer;
  readonly clock: Clock;
  /** Configuration loaded and reissue endpoint up: never whether each token is well. */
  readonly ready: () => boolean;
  /** The metrics in Prometheus' text format. */
  readonly metrics: (
    tokens: readonly TokenConditions[],
  ) => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Probes, metrics and status, on a port of their own. The status is for this machine only. */
export function addStatusRoutes(
  app: FastifyInstance,
  { acquirer, clock, ready, metrics }: StatusRoutesDependencies,
): void {
  addProbeRoutes(app, { ready });
  // Other pods reach the metrics, which of thousands of tokens are megabytes.
  const exposition = sharedAnswer(clock, async () => {
    const { contentType, text } = await metrics(conditionsOf(acquirer));
    return { contentType, bytes: Buffer.from(text) };
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, bytes } = await exposition();
    return reply.type(contentType).send(bytes);
  });
  app.get('/status', async (request, reply) => {
    if (isLocal(request)) return statusOf(acquirer, ready(), clock.now());
    return sendProblem(reply, { status: 403, detail: LOCAL_ONLY });
  });
}

const LOCAL_ONLY =
  'The status is answered on the loopback address only. Use kubectl exec, or kubectl port-forward and 127.0.0.1.';

/** What the kubelet asks. */
export function addProbeRoutes(app: FastifyInstance, { ready }: Pick<StatusRoutesDependencies, 'ready'>): void {
  app.get('/livez', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_request, reply) => {
    if (ready()) return reply.type('text/plain').send('ok\n');
    return sendProblem(reply, { status: 503, detail: 'The token-acquirer is starting or stopping.' });
  });
}
