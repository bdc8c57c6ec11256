import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Admitted, admit, bucketOf, type RoutesDependencies } from './admission.ts';
import { keepBodies } from './kept-bodies.ts';
import { addConditionsRoute, addReadRoute } from './read-routes.ts';
import { addReissueRoute } from './reissue-route.ts';
import { addRejectionRoute, REJECTIONS_PATH } from './rejection-route.ts';
import { withoutRepetition } from './repeated-sentences.ts';

/** Token requests that one caller may start a minute; calls that start none are free. */
export const STARTS_A_MINUTE = 60;

/** The reissue endpoint. */
export async function addReissueRoutes(app: FastifyInstance, dependencies: RoutesDependencies): Promise<void> {
  const { telemetry, clock } = dependencies;
  const admitted = new WeakMap<FastifyRequest, Admitted>();
  const bodies = keepBodies(app);
  await app.register(rateLimit, {
    global: false,
    max: STARTS_A_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (request) => bucketOf(admitted.get(request)?.caller),
  });
  const countStart = app.createRateLimit();
  const warn = withoutRepetition(clock, (message) => telemetry.process({ kind: 'warning', message }));
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url?.startsWith('/v1/') !== true) return;
    const role = request.routeOptions.url === REJECTIONS_PATH ? 'reporter' : 'client';
    const call = await admit(request, reply, { ...dependencies, warn, role });
    if (call !== undefined) admitted.set(request, call);
  });
  const shared = { ...dependencies, admitted, countStart, bodies };
  addReissueRoute(app, shared);
  addReadRoute(app, shared);
  addConditionsRoute(app, shared);
  addRejectionRoute(app, shared);
}
