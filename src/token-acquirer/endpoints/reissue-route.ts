import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ReissueEvent, ReissueResult } from '../../core/events.ts';
import type { Token } from '../../core/token.ts';
import { headerMember } from '../../core/token-header.ts';
import type { Reissue } from '../token/reissues.ts';
import type { TokenSpecification } from '../token/specification.ts';
import {
  admissionOf,
  inSeconds,
  isAllowed,
  type RouteDependencies,
  refuse,
  refuseBody,
  rejectedSha256,
  settle,
  TOKEN_PATH,
} from './admission.ts';
import { LEADER_UNAVAILABLE } from './forwarding.ts';
import { sendProblem } from './problem.ts';

const REISSUE_PATH = `${TOKEN_PATH}/reissue`;

const bodySchema = z.object({
  rejected_sha256: rejectedSha256,
  error: z.string().max(100).optional(),
  // What a later version may add is like nothing: the pauses are then the longer ones.
  cause: z.enum(['revoked', 'never_accepted', 'expired']).optional().catch(undefined),
  // How far the caller's volume is behind. It is only for a metric, so a strange value is no reason to reject the call.
  volume: z.object({ generation: z.int(), seen_at: z.iso.datetime() }).optional().catch(undefined),
});

const FORM = '{"rejected_sha256": "<lower-case hexadecimal SHA-256 of the rejected token>", "error": "invalid_token"}';

/** Gives a client another token than the rejected one. */
export function addReissueRoute(app: FastifyInstance, dependencies: RouteDependencies): void {
  const { telemetry, clock, admitted, countStart, bodies } = dependencies;
  app.post(REISSUE_PATH, async (request, reply) => {
    const admittance = admitted.get(request);
    const body = bodySchema.safeParse(request.body);
    if (admittance === undefined || !body.success)
      return refuseBody(request, reply, { ...dependencies, asked: admittance, form: FORM });
    // The body may have come slowly, and the configuration may have changed in the meantime.
    if (!isAllowed(admittance, dependencies, 'client'))
      return refuse(request, reply, { ...dependencies, asked: admittance });
    const settled = await settle(request, reply, dependencies, { ...admittance, body: bodies.of(request) });
    if (settled === undefined) return reply;
    const { volume, cause } = body.data;
    const { identity, call } = admittance;
    const { acquisition, manner } = settled;
    if (volume !== undefined) acquisition.cycle.sighted(volume.generation, Date.parse(volume.seen_at));
    const started = clock.monotonic();
    const asking = { cause, test: call.test === true, manner, trace: call.trace };
    const admission = admissionOf(request, countStart);
    const reissue = await acquisition.reissues.reissue(body.data.rejected_sha256, admission, asking);
    const { rejected, current } = reissue;
    const sent = sendReissue(reply, reissue, acquisition.cycle.specification);
    const took = clock.monotonic() - started;
    const server = acquisition.cycle.specification.authorizationServer;
    telemetry.process({ kind: 'reissue', identity, server, call, ...sent, rejected, current, took });
    return reply;
  });
}

/** Answers, and returns what the answer was. */
function sendReissue(
  reply: FastifyReply,
  reissue: Reissue,
  { respondWith, delivery, header }: TokenSpecification,
): Pick<ReissueEvent, 'result' | 'given'> {
  if (!('token' in reissue)) return { result: sendNoToken(reply, reissue), given: false };
  const { result, token, stored, remaining } = reissue;
  const withToken = respondWith === 'token' || delivery === 'endpoint';
  if (!stored && !withToken) {
    const detail =
      'A new token was obtained, but the token store cannot be reached; it is written as soon as that is back.';
    void sendProblem(reply, { status: 503, detail, code: 'store_unavailable', retryAfter: 1000 });
    return { result: 'store_unavailable', given: false };
  }
  const answer = {
    outcome: result,
    stored,
    generation: token.generation,
    issued_at: new Date(token.issuedAt).toISOString(),
    expires_at: new Date(token.expiresAt).toISOString(),
    expires_in: inSeconds(remaining),
    ...(withToken && { access_token: token.accessToken.reveal(), ...headerMember(header) }),
  };
  void reply.header('cache-control', 'no-store').send(answer);
  return { result, given: withToken };
}

const PAUSED =
  'The token that the last reissue gave was itself rejected immediately. No other token is requested before the pause is over.';
const STOPPING = 'The token-acquirer is stopping, or the token is no longer configured; ask again.';
const RATE_LIMITED = 'This caller has started too many token requests; it may start the next one later.';

function sendNoToken(reply: FastifyReply, reissue: Exclude<Reissue, { token: Token }>): ReissueResult {
  const { result, retryAfter } = reissue;
  if (result === 'failed') {
    const code = reissue.error?.code ?? 'server_error';
    const detail = `No new token was obtained: ${code}. The token-acquirer's status and log say more.`;
    void sendProblem(reply, { status: 502, detail, code, retryAfter });
  } else if (result === 'leader_unavailable') {
    void sendProblem(reply, { status: 503, detail: LEADER_UNAVAILABLE, code: result, retryAfter });
  } else if (result === 'stopping') {
    void sendProblem(reply, { status: 503, detail: STOPPING, code: result, retryAfter });
  } else {
    const detail = result === 'paused' ? PAUSED : RATE_LIMITED;
    void sendProblem(reply, { status: 429, detail, code: result, retryAfter });
  }
  return result;
}
