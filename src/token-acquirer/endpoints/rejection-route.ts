import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  admissionOf,
  isAllowed,
  type RouteDependencies,
  refuse,
  refuseBody,
  rejectedSha256,
  settle,
  TOKEN_PATH,
} from './admission.ts';
import { sendProblem } from './problem.ts';

export const REJECTIONS_PATH = `${TOKEN_PATH}/rejections`;

const bodySchema = z.object({ rejected_sha256: rejectedSha256 });

const FORM = '{"rejected_sha256": "<lower-case hexadecimal SHA-256 of the rejected token>"}';
const LIMITED = 'This caller has reported too many rejected tokens; it may report the next one later.';

/** Takes reports of rejected tokens by gateways. Whatever comes of one, the answer is the same, and no token is in it. */
export function addRejectionRoute(app: FastifyInstance, dependencies: RouteDependencies): void {
  const { clock, admitted, countStart, bodies } = dependencies;
  app.post(REJECTIONS_PATH, async (request, reply) => {
    const admittance = admitted.get(request);
    const body = bodySchema.safeParse(request.body);
    if (admittance === undefined || !body.success)
      return refuseBody(request, reply, { ...dependencies, asked: admittance, form: FORM });
    if (!isAllowed(admittance, dependencies, 'reporter'))
      return refuse(request, reply, { ...dependencies, asked: admittance, role: 'reporter' });
    const settled = await settle(request, reply, dependencies, { ...admittance, body: bodies.of(request) });
    if (settled === undefined) return reply;
    const { call } = admittance;
    const { acquisition, manner } = settled;
    const admission = admissionOf(request, countStart);
    const reported = await acquisition.reissues.reading(manner, () =>
      acquisition.evidence.report(
        { at: clock.now(), rejected: body.data.rejected_sha256 },
        { by: 'gateway', call },
        { admission, manner },
      ),
    );
    if (reported.kind !== 'denied') return reply.code(202).header('cache-control', 'no-store').send();
    return sendProblem(reply, { status: 429, detail: LIMITED, code: 'rate_limited', retryAfter: reported.retryAfter });
  });
}
