import type { FastifyInstance } from 'fastify';
import { clientConditions } from '../../core/conditions.ts';
import { documentOf } from '../../core/token-volume.ts';
import { admissionOf, inSeconds, type RouteDependencies, refuse, settle, TOKEN_PATH } from './admission.ts';
import { sendNoLeader } from './forwarding.ts';
import { sendProblem } from './problem.ts';
import { conditionReport } from './status-report.ts';

/** Is the hash of nothing. */
const NO_TOKEN = '0'.repeat(64);

/** Gives the token to a client without a volume. */
export function addReadRoute(app: FastifyInstance, dependencies: RouteDependencies): void {
  const { telemetry, admitted, countStart } = dependencies;
  app.get(TOKEN_PATH, async (request, reply) => {
    const admittance = admitted.get(request);
    if (admittance?.specification.delivery !== 'endpoint')
      return refuse(request, reply, { ...dependencies, asked: admittance });
    const settled = await settle(request, reply, dependencies, admittance);
    if (settled === undefined) return reply;
    const { identity, call } = admittance;
    const { acquisition, manner } = settled;
    const { held, specification } = acquisition.cycle;
    // The token is only in the memory of the leader, which does not answer.
    if (manner.standsIn && !held.isLive())
      await acquisition.reissues.reissue(NO_TOKEN, admissionOf(request, countStart), { manner });
    if (held.token === undefined || !held.isLive()) {
      telemetry.process({ kind: 'token-read', identity, call, result: 'unavailable' });
      return sendProblem(reply, {
        status: 503,
        detail: 'There is no valid token at the moment; ask again.',
        retryAfter: 1000,
      });
    }
    telemetry.process({ kind: 'token-read', identity, call, result: 'given' });
    return reply
      .type('application/json')
      .header('cache-control', 'no-store')
      .send({ ...documentOf(held.token, specification), expires_in: inSeconds(held.remaining()) });
  });
}

/** Shows a client what is known of its pods. Nothing else of the status is in it. */
export function addConditionsRoute(app: FastifyInstance, dependencies: RouteDependencies): void {
  const { admitted } = dependencies;
  app.get(`${TOKEN_PATH}/conditions`, async (request, reply) => {
    const admittance = admitted.get(request);
    if (admittance === undefined) return refuse(request, reply, dependencies);
    const settled = await settle(request, reply, dependencies, admittance);
    if (settled === undefined) return reply;
    const { cycle } = settled.acquisition;
    // Only the leader observes the client app.
    if (settled.manner.standsIn && cycle.isAsleep) return sendNoLeader(reply);
    await cycle.adopted;
    const conditions = clientConditions(cycle.clientApp()).map(conditionReport);
    const { clientApp } = cycle.specification;
    const selector = clientApp !== undefined && 'selector' in clientApp ? clientApp.selector : undefined;
    return reply.header('cache-control', 'no-store').send({ selector, conditions });
  });
}
