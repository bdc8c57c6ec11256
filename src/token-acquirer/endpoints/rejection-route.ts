import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  type Admitted,
  admissionOf,
  type CountStart,
  isAllowed,
  type RoutesDependencies,
  refuse,
  rejectedSha256,
  TOKEN_PATH,
} from './admission.ts';
import { pathOf } from './listener.ts';
import { sendProblem } from './problem.ts';

export const REJECTIONS_PATH = `${TOKEN_PATH}/rejections`;

const bodySchema = z.object({ rejected_sha256: rejectedSha256 });

const LIMITED = 'This caller has reported too many rejected tokens; it may report the next one later.';

interface RejectionDependencies extends RoutesDependencies {
  readonly admitted: WeakMap<FastifyRequest, Admitted>;
  readonly countStart: CountStart;
}

/** Takes reports of rejected tokens by gateways. Whatever comes of one, the answer is the same, and no token is in it. */
export function addRejectionRoute(app: FastifyInstance, dependencies: RejectionDependencies): void {
  const { telemetry, clock, calls, admitted, countStart } = dependencies;
  app.post(REJECTIONS_PATH, async (request, reply) => {
    const admittance = admitted.get(request);
    const body = bodySchema.safeParse(request.body);
    if (admittance === undefined || !body.success) {
      const call = calls.of(request);
      const identity = admittance?.identity;
      telemetry.process({ kind: 'call-refused', status: 400, path: pathOf(request), call, identity });
      const detail = 'The body must be {"rejected_sha256": "<lower-case hexadecimal SHA-256 of the rejected token>"}.';
      return sendProblem(reply, { status: 400, detail });
    }
    if (!isAllowed(admittance, dependencies, 'reporter'))
      return refuse(request, reply, { ...dependencies, asked: admittance, role: 'reporter' });
    const { acquisition, call } = admittance;
    await acquisition.cycle.adopted;
    const reported = await acquisition.evidence.report(
      { at: clock.now(), rejected: body.data.rejected_sha256 },
      { by: 'gateway', call },
      admissionOf(request, countStart),
    );
    if (reported.kind !== 'denied') return reply.code(202).header('cache-control', 'no-store').send();
    return sendProblem(reply, { status: 429, detail: LIMITED, code: 'rate_limited', retryAfter: reported.retryAfter });
  });
}
